// Standing for election while fit to lead. A gateway that cannot set its node up would hold the lead that another could make use of.
import type { ElectionOptions } from '#lib/kube/lease.ts'
import { elect } from '#lib/kube/lease.ts'
import type { Cell } from '#lib/std/cell.ts'

/** Runs until `signal` aborts. One who becomes unfit gives the lead back at once, and stands again when fit. */
export async function standWhile(fit: Cell<boolean>, options: ElectionOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await becomes(fit, true, signal)
    const unfit = new AbortController()
    const standing = AbortSignal.any([signal, unfit.signal])
    void becomes(fit, false, standing).then(() => unfit.abort())
    await elect(options, standing)
  }
}

/** Resolves when the value is `want`, or when `signal` aborts. */
function becomes(value: Cell<boolean>, want: boolean, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (value.value === want || signal.aborted) {
      resolve()
      return
    }
    const done = () => {
      forget()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const forget = value.onChange((now) => {
      if (now === want) done()
    })
    signal.addEventListener('abort', done, { once: true })
  })
}
