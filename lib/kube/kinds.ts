// The built-in kinds we touch. Types come from kubernetes-types, tightened: an object from an apiserver always has its identity.
import type {
  ValidatingAdmissionPolicy as VAP,
  ValidatingAdmissionPolicyBinding as VAPBinding,
} from 'kubernetes-types/admissionregistration/v1.d.ts'
import type { CustomResourceDefinition as CRD } from 'kubernetes-types/apiextensions/v1.d.ts'
import type * as apps from 'kubernetes-types/apps/v1.d.ts'
import type { Lease as LeaseType } from 'kubernetes-types/coordination/v1.d.ts'
import type * as core from 'kubernetes-types/core/v1.d.ts'
import type { EndpointSlice as Slice } from 'kubernetes-types/discovery/v1.d.ts'
import type { Event as EventType } from 'kubernetes-types/events/v1.d.ts'
import type * as flow from 'kubernetes-types/flowcontrol/v1.d.ts'
import type { NetworkPolicy as NetPol } from 'kubernetes-types/networking/v1.d.ts'
import type * as rbac from 'kubernetes-types/rbac/v1.d.ts'
import type { Kind, KubeObject, Meta } from './object.ts'

type Builtin<T> = { apiVersion: string; kind: string; metadata: Meta } & Omit<T, 'apiVersion' | 'kind' | 'metadata'>

export type Namespace = Builtin<core.Namespace>
export type Node = Builtin<core.Node>
export type Pod = Builtin<core.Pod>
export type Service = Builtin<core.Service>
/** The endpoint slice controller writes null for a Service without endpoints, whatever the reference says. */
export type EndpointSlice = Omit<Builtin<Slice>, 'endpoints'> & { endpoints: Slice['endpoints'] | null }
export type Secret = Builtin<core.Secret>
export type ConfigMap = Builtin<core.ConfigMap>
export type ResourceQuota = Builtin<core.ResourceQuota>
export type ServiceAccount = Builtin<core.ServiceAccount>
export type Deployment = Builtin<apps.Deployment>
export type DaemonSet = Builtin<apps.DaemonSet>
export type ReplicaSet = Builtin<apps.ReplicaSet>
export type Lease = Builtin<LeaseType>
export type Event = Builtin<EventType>
export type Role = Builtin<rbac.Role>
export type RoleBinding = Builtin<rbac.RoleBinding>
export type ClusterRole = Builtin<rbac.ClusterRole>
export type ClusterRoleBinding = Builtin<rbac.ClusterRoleBinding>
export type CustomResourceDefinition = Builtin<CRD>
export type ValidatingAdmissionPolicy = Builtin<VAP>
export type ValidatingAdmissionPolicyBinding = Builtin<VAPBinding>
export type FlowSchema = Builtin<flow.FlowSchema>
export type PriorityLevelConfiguration = Builtin<flow.PriorityLevelConfiguration>
export type NetworkPolicy = Builtin<NetPol>
export type ServiceCIDR = KubeObject & { readonly spec?: { readonly cidrs?: readonly string[] } }

const namespaced = <T extends KubeObject>(apiVersion: string, kind: string, plural: string): Kind<T> => ({
  apiVersion,
  kind,
  plural,
  scope: 'Namespaced',
})
const cluster = <T extends KubeObject>(apiVersion: string, kind: string, plural: string): Kind<T> => ({
  apiVersion,
  kind,
  plural,
  scope: 'Cluster',
})

export const namespaces = cluster<Namespace>('v1', 'Namespace', 'namespaces')
export const nodes = cluster<Node>('v1', 'Node', 'nodes')
export const pods = namespaced<Pod>('v1', 'Pod', 'pods')
export const services = namespaced<Service>('v1', 'Service', 'services')
export const endpointSlices = namespaced<EndpointSlice>('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices')
export const secrets = namespaced<Secret>('v1', 'Secret', 'secrets')
export const configMaps = namespaced<ConfigMap>('v1', 'ConfigMap', 'configmaps')
export const serviceAccounts = namespaced<ServiceAccount>('v1', 'ServiceAccount', 'serviceaccounts')
export const resourceQuotas = namespaced<ResourceQuota>('v1', 'ResourceQuota', 'resourcequotas')
export const deployments = namespaced<Deployment>('apps/v1', 'Deployment', 'deployments')
export const daemonSets = namespaced<DaemonSet>('apps/v1', 'DaemonSet', 'daemonsets')
export const replicaSets = namespaced<ReplicaSet>('apps/v1', 'ReplicaSet', 'replicasets')
export const leases = namespaced<Lease>('coordination.k8s.io/v1', 'Lease', 'leases')
export const events = namespaced<Event>('events.k8s.io/v1', 'Event', 'events')
export const roles = namespaced<Role>('rbac.authorization.k8s.io/v1', 'Role', 'roles')
export const roleBindings = namespaced<RoleBinding>('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings')
export const clusterRoles = cluster<ClusterRole>('rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles')
export const clusterRoleBindings = cluster<ClusterRoleBinding>(
  'rbac.authorization.k8s.io/v1',
  'ClusterRoleBinding',
  'clusterrolebindings',
)
export const customResourceDefinitions = cluster<CustomResourceDefinition>(
  'apiextensions.k8s.io/v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
)
export const validatingAdmissionPolicies = cluster<ValidatingAdmissionPolicy>(
  'admissionregistration.k8s.io/v1',
  'ValidatingAdmissionPolicy',
  'validatingadmissionpolicies',
)
export const validatingAdmissionPolicyBindings = cluster<ValidatingAdmissionPolicyBinding>(
  'admissionregistration.k8s.io/v1',
  'ValidatingAdmissionPolicyBinding',
  'validatingadmissionpolicybindings',
)
export const flowSchemas = cluster<FlowSchema>('flowcontrol.apiserver.k8s.io/v1', 'FlowSchema', 'flowschemas')
export const priorityLevelConfigurations = cluster<PriorityLevelConfiguration>(
  'flowcontrol.apiserver.k8s.io/v1',
  'PriorityLevelConfiguration',
  'prioritylevelconfigurations',
)
/** Served since Kubernetes 1.33. */
export const serviceCIDRs = cluster<ServiceCIDR>('networking.k8s.io/v1', 'ServiceCIDR', 'servicecidrs')
export const networkPolicies = namespaced<NetworkPolicy>('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies')
