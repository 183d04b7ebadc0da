// Reading an object once. What is read from an object depends on nothing but the object and what it is read against, and objects in
// stores are replaced, never changed: so the result can be kept beside the object, and goes with it.

/** `read`, which runs again for an object only when `against` is another one. */
export function remembered<O extends object, A, R>(read: (object: O, against: A) => R): (object: O, against: A) => R {
  const known = new WeakMap<O, { readonly against: A; readonly result: R }>()
  return (object, against) => {
    const before = known.get(object)
    if (before !== undefined && before.against === against) return before.result
    const result = read(object, against)
    known.set(object, { against, result })
    return result
  }
}
