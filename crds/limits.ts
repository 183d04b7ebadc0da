// How many objects of a kind one cluster may publish: the broker holds it to that by quota, and whoever imports them asks again.

/** By plural. Of endpoints an object holds 200 (exported-endpoints.ts). */
export const mostOfAMember = { gatewayendpoints: 64, exportedservices: 2000, exportedendpoints: 4000 } as const
