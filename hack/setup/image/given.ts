// An image of Tombolo that was built elsewhere, as by deploy/image/Dockerfile: rigs take it in the place of one of their own.
import { Refusal } from '../refusal.ts'
import { run } from '../run.ts'

/** An OCI archive that holds the image. */
export interface GivenImage {
  readonly archive: string
  /** The archive's index, which names all of its content by digest. */
  readonly index: string
}

/** What $TOMBOLO_IMAGE_ARCHIVE names; undefined where it is not set. Throws Refusal when that holds no image called `name`. */
export async function givenImage(name: string, signal: AbortSignal): Promise<GivenImage | undefined> {
  const archive = process.env.TOMBOLO_IMAGE_ARCHIVE
  if (archive === undefined || archive === '') return undefined
  const index = await run('tar', ['-xOf', archive, 'index.json'], {}, signal).catch((cause: unknown) => {
    throw new Refusal(
      `TOMBOLO_IMAGE_ARCHIVE is ${archive}, which is no OCI archive: write one there, or unset TOMBOLO_IMAGE_ARCHIVE.`,
      {
        cause,
      },
    )
  })
  // Nodes start what has this name, and pull nothing.
  if (!index.includes(`"${name}"`))
    throw new Refusal(
      `TOMBOLO_IMAGE_ARCHIVE is ${archive}, which holds no ${name}: name the image so, or unset TOMBOLO_IMAGE_ARCHIVE.`,
    )
  return { archive, index }
}
