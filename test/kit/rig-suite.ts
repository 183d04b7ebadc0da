// A rig for mocha suites: started before the first test, taken down after the last, its logs kept when one failed.
import { cachePath } from '#hack/setup/cache.ts'
import type { Rig } from '#test/rig/rig.ts'
import { startRig } from '#test/rig/rig.ts'
import type { RigSpec } from '#test/rig/spec.ts'

export interface RigSuite {
  readonly rig: Rig
  /** Aborts when the rig is taken down. */
  readonly signal: AbortSignal
}

type Prepare = (rig: Rig, signal: AbortSignal) => Promise<void>

/** To be called inside of `suite`; the result is filled when the first test runs. */
export const onRig = (spec: RigSpec, prepare?: Prepare): RigSuite => sharedRig(spec, prepare)()

/**
 * A rig that several suites stand on, one after the other: each calls what this returns inside of its `suite`. It is started for the first
 * of them and taken down after the last of those that mocha was given, so that each runs alone as well.
 */
export function sharedRig(spec: RigSpec, prepare: Prepare = () => Promise.resolve()): () => RigSuite {
  const stop = new AbortController()
  let rig: Rig | undefined
  let failed = false
  let toCome = 0
  const start = async (): Promise<void> => {
    rig = await startRig(spec, { signal: stop.signal })
    try {
      await prepare(rig, stop.signal)
    } catch (error) {
      throw new Error(`the rig could not be prepared; its logs are in ${await rig.fail()}`, { cause: error })
    }
  }
  const end = async (): Promise<void> => {
    stop.abort()
    if (failed && rig !== undefined) process.stderr.write(`the logs of the rig are in ${cachePath('logs', rig.run)}\n`)
    await (failed ? rig?.fail() : rig?.down())
  }
  return () => {
    toCome++
    suiteSetup(async function () {
      this.timeout(300_000)
      if (rig === undefined) await start()
    })
    teardown(function () {
      failed ||= this.currentTest?.state === 'failed'
    })
    suiteTeardown(async function () {
      this.timeout(60_000)
      if (--toCome === 0) await end()
    })
    return {
      get rig() {
        if (rig === undefined) throw new Error('the rig is there only while tests run')
        return rig
      },
      signal: stop.signal,
    }
  }
}
