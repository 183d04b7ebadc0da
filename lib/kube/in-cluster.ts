// How a pod reaches its own apiserver: the address from the environment, the CA and a token from files that the kubelet keeps fresh; and
// what its manifest has to say for that.
import { readFile } from 'node:fs/promises'
import { Misplaced } from '#lib/std/misplaced.ts'
import type { Connection } from './connection.ts'

const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
/** The kubelet renews the token when a fifth of its life is left; looking once a minute is plenty. */
const LOOK_MS = 60_000

/**
 * A token for an hour and for this pod, that no other server than its apiserver takes: without an audience it has the apiserver's own, which
 * only that knows. Those that are mounted by themselves are good for a year, unless the apiserver was told otherwise.
 */
export const ownToken = {
  pod: { automountServiceAccountToken: false },
  volume: {
    name: 'own-token',
    projected: {
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      ],
    },
  },
  mount: { name: 'own-token', mountPath: MOUNT, readOnly: true },
}

const inPods = 'it is started as a pod, as tombolo join and tombolo deploy-broker do'

/** `environment` is the process's, which only an entry point may read. Throws `Misplaced` when not in a pod. */
export async function inCluster(environment: Readonly<Record<string, string | undefined>>, mount = MOUNT): Promise<Connection> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment
  if (host === undefined || port === undefined)
    throw new Misplaced(`not in a cluster, as KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: ${inPods}`)
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ca: await readCA(`${mount}/ca.crt`),
    token: tokenFile(`${mount}/token`),
  }
}

async function readCA(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new Misplaced(`not in a pod with an account, as ${path} cannot be read: ${inPods}`, { cause })
  }
}

/** A token that lives in a file: read again once a minute, and at once when it was refused. All who ask meanwhile wait for one reading. */
export function tokenFile(path: string, now: () => number = () => performance.now()): Connection['token'] {
  let reading: Promise<string> | undefined
  let began = 0
  const read = async () => {
    try {
      return (await readFile(path, 'utf8')).trim()
    } catch (error) {
      reading = undefined
      throw error
    }
  }
  return (last) => {
    if (reading === undefined || last === 'refused' || now() - began >= LOOK_MS) {
      began = now()
      reading = read()
    }
    return reading
  }
}
