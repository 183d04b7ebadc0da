// The two ways in which the Kubernetes API writes a moment; it refuses others.

/** metav1.Time: `2026-01-31T12:00:00Z`. */
export const time = (moment: Date): string => moment.toISOString().replace(/\.\d+Z$/, 'Z')

/** metav1.MicroTime, always six digits: `2026-01-31T12:00:00.123000Z`. */
export const microTime = (moment: Date): string => moment.toISOString().replace(/Z$/, '000Z')
