// A string that has been checked: only the one parser of a brand makes values of it.
declare const brand: unique symbol

export type Brand<T, Name extends string> = T & { readonly [brand]: Name }
