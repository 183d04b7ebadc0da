// Tests that wait more than they work, several at a time: all of them begin when the suite does, in their order, and each test of
// mocha's reports how its own one ended. For tests that share nothing but a rig.

export type SideBySide = { readonly title: string; readonly run: () => Promise<void> }

type Outcome = { readonly ok: true } | { readonly ok: false; readonly error: unknown }

/** To be called inside of `suite`. At most `width` run at once. */
export function sideBySide(width: number, tests: readonly SideBySide[]): void {
  const outcomes = tests.map(() => Promise.withResolvers<Outcome>())
  suiteSetup(() => {
    let next = 0
    const lane = async () => {
      while (next < tests.length) {
        const i = next++
        const outcome = tests[i]?.run().then(
          (): Outcome => ({ ok: true }),
          (error: unknown): Outcome => ({ ok: false, error }),
        )
        if (outcome !== undefined) outcomes[i]?.resolve(await outcome)
      }
    }
    for (let i = 0; i < width; i++) void lane()
  })
  tests.forEach(({ title }, i) =>
    test(title, async () => {
      const outcome = await outcomes[i]?.promise
      if (outcome?.ok === false) throw outcome.error
    }),
  )
}
