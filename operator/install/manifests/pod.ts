// What all our pods have in common: labels, image, probes, environment from the node, and how much they may use.
import { componentLabel, managedBy, systemNamespace } from '#crds/places.ts'

export type Component = 'operator' | 'gateway' | 'agent' | 'dns' | 'cleanup'

/** A value, or where in the pod it is found. */
export type EnvValue = string | { readonly fieldPath: string }
export type Env = Readonly<Record<string, EnvValue>>

export const labelsOf = (component: Component) => ({
  'app.kubernetes.io/name': 'tombolo',
  [componentLabel]: component,
  ...managedBy,
})
export const selectorOf = (component: Component) => ({ 'app.kubernetes.io/name': 'tombolo', [componentLabel]: component })
export const nameOf = (component: Component): string => `tombolo-${component}`
export const metadataOf = (component: Component) => ({
  name: nameOf(component),
  namespace: systemNamespace,
  labels: labelsOf(component),
})

export const envList = (env: Env) =>
  Object.entries(env).map(([name, value]) =>
    typeof value === 'string'
      ? { name, value }
      : { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: value.fieldPath } } },
  )

/** Only settings that the program knows: `Config` is what its own schema makes of the environment. */
export type EnvOf<Config> = Readonly<Partial<Record<keyof Config & string, EnvValue>>>

export type Container = {
  readonly component: Component
  readonly image: string
  /** Which bundle of the image runs. */
  readonly program: string
  readonly env: Env
  readonly port: number
  readonly memory: { readonly request: string; readonly limit: string }
}

/**
 * Node’s own settings: a small young generation costs nothing at our rates and saves the memory of a pause nobody needs, and an old one
 * that is collected when it has grown by 30 % holds little that nobody needs (docs/design/0032-packed-endpoints.md).
 */
export const nodeFlags = ['--max-semi-space-size=1', '--heap-growing-percent=30', '--disable-warning=ExperimentalWarning']
/** For the C library: one pool of memory for all threads, as each keeps what it once had. */
export const processEnv = { MALLOC_ARENA_MAX: '1' }

export const containerOf = (c: Container) => ({
  name: c.component,
  image: c.image,
  command: ['node', ...nodeFlags, `/opt/tombolo/${c.program}.mjs`],
  env: envList({ ...processEnv, NAMESPACE: systemNamespace, METRICS_PORT: String(c.port), ...c.env }),
  ports: [{ name: 'metrics', containerPort: c.port, protocol: 'TCP' }],
  livenessProbe: { httpGet: { path: '/healthz', port: c.port }, periodSeconds: 10, failureThreshold: 3, timeoutSeconds: 5 },
  // A program is up some tenths of a second before it is ready, so that the first look mostly comes too early: a rollout, and whoever
  // waits for a join, waits for the second.
  readinessProbe: { httpGet: { path: '/readyz', port: c.port }, periodSeconds: 2, timeoutSeconds: 5 },
  // Looks every second only until the program is up.
  startupProbe: { httpGet: { path: '/healthz', port: c.port }, periodSeconds: 1, failureThreshold: 60, timeoutSeconds: 5 },
  resources: { requests: { cpu: '10m', memory: c.memory.request }, limits: { memory: c.memory.limit } },
})

/** For programs that touch no machine. */
export const confined = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: 65532,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
}
