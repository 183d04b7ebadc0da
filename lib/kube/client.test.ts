import { apiserver } from '#test/kit/apiserver.ts'
import { kubeContract } from '#test/kit/kube-contract.ts'

kubeContract('the fault server', async () => {
  const server = await apiserver()
  return {
    connection: server.connection,
    namespace: 'contract',
    forget: async () => {
      server.compact()
      await Promise.resolve()
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
})
