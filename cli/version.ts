// The version of this build, from the one place that says it.
import { ownVersion } from '#operator/joining/about.ts'

export const version = ownVersion

/** What clusters run unless told otherwise: the image of this version. */
export const defaultImage = `tombolo/tombolo:${version}`
