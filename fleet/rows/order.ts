// The order of rows.

/** Byte order, the same on every machine. */
export const by =
  <Row>(parts: (row: Row) => readonly string[]) =>
  (a: Row, b: Row): number => {
    const [x, y] = [parts(a).join('\0'), parts(b).join('\0')]
    return x < y ? -1 : x > y ? 1 : 0
  }
