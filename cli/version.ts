// The version of this build, from the one place that says it.
import manifest from '../package.json' with { type: 'json' }

export const version: string = manifest.version

/** What clusters run unless told otherwise: the image of this version. */
export const defaultImage = `tombolo/tombolo:${version}`
