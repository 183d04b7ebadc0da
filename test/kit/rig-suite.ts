// A rig for a whole mocha suite: started before the first test, taken down after the last, its logs kept when one failed.
import { cachePath } from '#hack/setup/cache.ts'
import type { Rig } from '#test/rig/rig.ts'
import { startRig } from '#test/rig/rig.ts'
import type { RigSpec } from '#test/rig/spec.ts'

export interface RigSuite {
  readonly rig: Rig
  /** Aborts when the suite ends. */
  readonly signal: AbortSignal
}

/** To be called inside of `suite`; the result is filled when the first test runs. */
export function onRig(
  spec: RigSpec,
  prepare: (rig: Rig, signal: AbortSignal) => Promise<void> = () => Promise.resolve(),
): RigSuite {
  const stop = new AbortController()
  let rig: Rig | undefined
  let failed = false
  suiteSetup(async function () {
    this.timeout(300_000)
    rig = await startRig(spec, { signal: stop.signal })
    try {
      await prepare(rig, stop.signal)
    } catch (error) {
      throw new Error(`the rig could not be prepared; its logs are in ${await rig.fail()}`, { cause: error })
    }
  })
  teardown(function () {
    failed ||= this.currentTest?.state === 'failed'
  })
  suiteTeardown(async function () {
    this.timeout(60_000)
    stop.abort()
    if (failed && rig !== undefined) process.stderr.write(`the logs of the rig are in ${cachePath('logs', rig.run)}\n`)
    await (failed ? rig?.fail() : rig?.down())
  })
  return {
    get rig() {
      if (rig === undefined) throw new Error('the rig is there only while tests run')
      return rig
    },
    signal: stop.signal,
  }
}
