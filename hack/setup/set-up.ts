// Brings everything that a rig needs on a fresh Debian or Ubuntu: steps that each look first whether they are done.
// Runs that overlap wait for each other; an interrupted run is continued by the next.
import { cachePath } from './cache.ts'
import { refuseFullDisk } from './disk.ts'
import { givenImage } from './image/given.ts'
import { baseImagesDone, baseStore, tomboloImage, tomboloStore } from './images.ts'
import { buildKernel, kernelDone, kernelPath } from './kernel/kernel.ts'
import { lock } from './lock.ts'
import { installPackages, missingPackages } from './packages.ts'
import { preflight } from './preflight.ts'
import type { Program } from './programs.ts'
import { buildPrograms, programPath, programsDone } from './programs.ts'
import type { Say } from './progress.ts'
import { sayOnStderr } from './progress.ts'
import { raiseWatches, watchesDone } from './watches.ts'

/** What a rig is made from. */
export interface Assets {
  /** The path of a program. */
  bin(program: Program): string
  /** Golden image stores (image/store.ts): folders to copy as the root of a node's containerd. */
  readonly images: {
    /** `localhost/pause:1`, `localhost/coredns:1`, `localhost/toolbox:1` and the toolbox as upstream's MCS suite calls it. */
    base(signal: AbortSignal): Promise<string>
    /** The same and `localhost/tombolo:dev`, of the sources as they are now or as $TOMBOLO_IMAGE_ARCHIVE has it. */
    tombolo(signal: AbortSignal): Promise<string>
  }
}

interface Step {
  readonly name: string
  /** True when there is nothing to do; cheap, as it is asked every time. */
  done(): boolean
  run(say: Say, signal: AbortSignal): Promise<unknown>
}

/** In the order in which each needs those before it. */
const steps: readonly Step[] = [
  { name: 'watches', done: watchesDone, run: raiseWatches },
  { name: 'packages', done: () => missingPackages().length === 0, run: installPackages },
  { name: 'programs', done: programsDone, run: buildPrograms },
  { name: 'images', done: baseImagesDone, run: baseStore },
]

/** Throws Refusal when the machine lacks something that cannot be brought. Under a second when everything is there. */
export async function setUp(signal: AbortSignal, say: Say = sayOnStderr): Promise<Assets> {
  await preflight(signal)
  const given = await givenImage(tomboloImage, signal)
  if (steps.some((step) => !step.done())) {
    await using _held = await lockSetUp(say, signal)
    for (const step of steps) if (!step.done()) await refuseFullDisk(() => step.run(say, signal))
  }
  return {
    bin: programPath,
    images: {
      base: (signal) => baseStore(say, signal),
      tombolo: async (signal) => {
        await using _held = await lockSetUp(say, signal)
        return await refuseFullDisk(() => tomboloStore(given, say, signal))
      },
    },
  }
}

/** The same, and a kernel that has what this machine's may lack; its path. Nothing else needs it, so nothing else waits for it. */
export async function setUpKernel(signal: AbortSignal, say: Say = sayOnStderr): Promise<string> {
  await setUp(signal, say)
  if (!kernelDone()) {
    // Of its own: nobody else is kept waiting for as long as a kernel takes.
    await using _held = await lock(
      cachePath('kernel.lock'),
      () => say('setup: a kernel is being built, waiting for it …'),
      signal,
    )
    await refuseFullDisk(() => buildKernel(say, signal))
  }
  return kernelPath()
}

const lockSetUp = (say: Say, signal: AbortSignal): Promise<AsyncDisposable> =>
  lock(cachePath('set-up.lock'), () => say('setup: another set-up is running, waiting for it …'), signal)
