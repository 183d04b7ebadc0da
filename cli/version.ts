// The version of this build, from the one place that says it.
import { ownVersion } from '#operator/joining/about.ts'

export const version = ownVersion
