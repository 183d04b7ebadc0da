// Fields of the kinds that certificates are asked for, answered and judged by.
import type { KeyID } from '#lib/pki/cert-key.ts'
import { z } from 'zod'

/** SHA-256 of a public key, in hex. */
export const keyIDField = z
  .string()
  .length(64)
  .regex(/^[0-9a-f]{64}$/, 'SHA-256 of a public key, in hex')
  .transform((text) => text as KeyID)

/** Hex, without zeros in front. */
export const serialField = z
  .string()
  .min(1)
  .max(40)
  .regex(/^[1-9a-f][0-9a-f]*$/, 'a serial number in hex')

export const certificateField = z
  .string()
  .max(4096)
  .regex(/^-----BEGIN CERTIFICATE-----\n/, 'a certificate in PEM')

export const instantField = z.string().max(40).meta({ format: 'date-time' })
