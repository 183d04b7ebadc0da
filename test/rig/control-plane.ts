// The control plane of a cluster: etcd, apiserver, controller-manager and scheduler, in the network namespace of its first node.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { programPath } from '#hack/setup/programs.ts'
import { kubeconfig } from './files.ts'
import type { ClusterLayout } from './layout.ts'
import { inNetns } from './network.ts'
import type { Piece } from './piece.ts'
import { piece } from './piece.ts'
import { loginOf, pkiOf, users } from './pki.ts'

export interface ControlPlane {
  readonly etcd: Piece
  readonly apiserver: Piece
  readonly controllerManager: Piece
  readonly scheduler: Piece
}

/** The handles; starts nothing. */
export function controlPlaneOf(cluster: ClusterLayout): ControlPlane {
  const [first] = cluster.nodes
  if (first === undefined) throw new Error(`cluster ${cluster.id} has no node`)
  const daemon = (name: string, command: readonly string[]) =>
    piece({
      name: `${cluster.id}/${name}`,
      command: [...inNetns(first.netns), ...command],
      log: join(cluster.dir, `${name}.log`),
      pidFile: join(first.runDir, `${name}.pid`),
    })
  const pki = (file: string) => join(pkiOf(cluster), file)
  const config = (user: string) => join(cluster.dir, `${user}.conf`)
  const address = first.addresses[0] ?? ''
  return {
    etcd: daemon('etcd', [
      programPath('etcd'),
      ...['--name', 'etcd', '--data-dir', join(cluster.dir, 'etcd'), '--log-level', 'error'],
      ...['--listen-client-urls', etcd, '--advertise-client-urls', etcd, '--listen-peer-urls', 'http://127.0.0.1:2380'],
      // Durability is not what a rig is for, and two clusters share one disk.
      '--unsafe-no-fsync',
    ]),
    apiserver: daemon('apiserver', [
      programPath('kube-apiserver'),
      ...['--etcd-servers', etcd, '--bind-address', address, '--advertise-address', address, '--secure-port', '6443'],
      ...[
        '--tls-cert-file',
        pki('apiserver.crt'),
        '--tls-private-key-file',
        pki('apiserver.key'),
        '--client-ca-file',
        pki('ca.crt'),
      ],
      ...['--service-account-key-file', pki('sa.pub'), '--service-account-signing-key-file', pki('sa.key')],
      ...['--service-account-issuer', 'https://kubernetes.default.svc'],
      ...[
        '--service-cluster-ip-range',
        cluster.serviceCIDRs.join(','),
        '--authorization-mode',
        'Node,RBAC',
        '--allow-privileged',
      ],
      ...['--enable-admission-plugins', 'NodeRestriction', '--requestheader-client-ca-file', pki('front.crt')],
      // Else exec looks node names up in DNS.
      ...['--kubelet-preferred-address-types', 'InternalIP'],
      ...['--kubelet-client-certificate', pki('kubelet-client.crt'), '--kubelet-client-key', pki('kubelet-client.key')],
    ]),
    controllerManager: daemon('controller-manager', [
      programPath('kube-controller-manager'),
      ...kubeconfigs(config(users.controllerManager)),
      ...[
        '--service-account-private-key-file',
        pki('sa.key'),
        '--root-ca-file',
        pki('ca.crt'),
        '--use-service-account-credentials',
      ],
      ...['--cluster-cidr', cluster.podCIDRs.join(','), '--allocate-node-cidrs=false', '--leader-elect=false'],
      ...['--node-monitor-grace-period', '16s'],
      ...['--cluster-signing-cert-file', pki('ca.crt'), '--cluster-signing-key-file', pki('ca.key')],
    ]),
    scheduler: daemon('scheduler', [
      programPath('kube-scheduler'),
      ...kubeconfigs(config(users.scheduler)),
      '--leader-elect=false',
    ]),
  }
}

const etcd = 'http://127.0.0.1:2379'

const kubeconfigs = (path: string): readonly string[] =>
  ['--kubeconfig', '--authentication-kubeconfig', '--authorization-kubeconfig'].flatMap((flag) => [flag, path])

/** Where the administrator's kubeconfig of one cluster is. */
export const adminKubeconfig = (cluster: ClusterLayout): string => join(cluster.dir, 'kubeconfig')

/** Writes the kubeconfigs of the components and of the administrator; needs the certificates. */
export function configureControlPlane(cluster: ClusterLayout): void {
  const write = (user: string, path: string) => writeFileSync(path, kubeconfig([loginOf(cluster, user)]), { mode: 0o600 })
  write(users.controllerManager, join(cluster.dir, `${users.controllerManager}.conf`))
  write(users.scheduler, join(cluster.dir, `${users.scheduler}.conf`))
  write(users.admin, adminKubeconfig(cluster))
}
