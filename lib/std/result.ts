// Wrong input as a value: a parser or validator returns what it made of the input, or what was wrong with it.
// Broken I/O is thrown, waiting is a state of its own (lib/kube/controller.ts); neither goes through here.

/** Either the value, or why there is none. */
export type Result<T, E = Invalid> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E }

/** What was wrong with an input: where, what stood there, and what would have been right. */
export type Invalid = { readonly field: string; readonly value: string; readonly want: string }

export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value })

export const invalid = (field: string, value: string, want: string): { readonly ok: false; readonly error: Invalid } => ({
  ok: false,
  error: { field, value, want },
})

/** One line for a person: `podCIDRs: "10.1.0.5/16" is not a network address (want 10.1.0.0/16)`. */
export const explain = (e: Invalid): string => `${e.field}: ${JSON.stringify(e.value)} is not valid (want ${e.want})`
