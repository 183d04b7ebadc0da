// Of numbers their sum; of none 0.
export const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)
