// The certificates of one cluster: P-256, made by openssl, one call each. Good for a day: rigs are short-lived.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '#hack/setup/run.ts'
import type { Login } from './files.ts'
import type { ClusterLayout } from './layout.ts'

const days = '30'

type Leaf = { readonly name: string; readonly subject: string; readonly names?: readonly string[] }

export const pkiOf = (cluster: ClusterLayout): string => join(cluster.dir, 'pki')

/** The users a kubeconfig is made for, besides the kubelets, whose leaf has the node's name. */
export const users = { admin: 'admin', controllerManager: 'controller-manager', scheduler: 'scheduler', proxy: 'proxy' } as const

/** Writes `<name>.crt` and `<name>.key` for both authorities, every component and every node, and the key pair of service accounts. */
export async function makePKI(cluster: ClusterLayout, signal: AbortSignal): Promise<void> {
  const dir = pkiOf(cluster)
  mkdirSync(dir, { recursive: true })
  // Nothing of the system's openssl.cnf: its default extensions would stand beside ours.
  const config = join(dir, 'openssl.cnf')
  writeFileSync(config, '[req]\ndistinguished_name = dn\n[dn]\n')
  const openssl = (args: readonly string[]) => run('openssl', args, { cwd: dir }, signal)
  const certificate = (name: string, subject: string, extensions: readonly string[], signer: readonly string[]) =>
    openssl([
      ...['req', '-x509', '-config', config, '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', subject, '-days', days],
      ...extensions.flatMap((extension) => ['-addext', extension]),
      ...signer,
    ])
  const authority = (name: string) =>
    certificate(
      name,
      `/CN=${name}-${cluster.id}`,
      ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'],
      [],
    )
  const leaf = ({ name, subject, names = [] }: Leaf) =>
    certificate(
      name,
      subject,
      [
        'basicConstraints=critical,CA:FALSE',
        'keyUsage=critical,digitalSignature',
        'extendedKeyUsage=serverAuth,clientAuth',
        ...(names.length === 0 ? [] : [`subjectAltName=${names.join(',')}`]),
      ],
      ['-CA', 'ca.crt', '-CAkey', 'ca.key'],
    )
  await Promise.all([authority('ca'), authority('front')])
  await Promise.all([
    ...leaves(cluster).map(leaf),
    openssl(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'sa.key']).then(() =>
      openssl(['pkey', '-in', 'sa.key', '-pubout', '-out', 'sa.pub']),
    ),
  ])
}

/** What a kubeconfig of `user` needs. */
export const loginOf = (cluster: ClusterLayout, user: string): Login => {
  const read = (file: string) => readFileSync(join(pkiOf(cluster), file), 'utf8')
  return { cluster, user, ca: read('ca.crt'), cert: read(`${user}.crt`), key: read(`${user}.key`) }
}

function leaves(cluster: ClusterLayout): readonly Leaf[] {
  const ip = (address: string) => `IP:${address}`
  const service = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
    'localhost',
  ]
  const controlPlane = cluster.nodes[0]?.addresses ?? []
  return [
    {
      name: 'apiserver',
      subject: '/CN=kube-apiserver',
      names: [...service.map((name) => `DNS:${name}`), 'IP:127.0.0.1', ...[...controlPlane, ...cluster.apiserverIPs].map(ip)],
    },
    { name: 'kubelet-client', subject: '/O=system:masters/CN=kube-apiserver-kubelet-client' },
    { name: users.admin, subject: '/O=system:masters/CN=admin' },
    { name: users.controllerManager, subject: '/CN=system:kube-controller-manager' },
    { name: users.scheduler, subject: '/CN=system:kube-scheduler' },
    { name: users.proxy, subject: '/CN=system:kube-proxy' },
    ...cluster.nodes.map((node) => ({
      name: node.name,
      subject: `/O=system:nodes/CN=system:node:${node.name}`,
      names: [`DNS:${node.name}`, ...node.addresses.map(ip)],
    })),
  ]
}
