// A real question, asked of our server and of the cluster DNS: the way that pods take.
import { clustersetZone } from '#crds/places.ts'
import type { Check } from './check.ts'
import { orPass } from './check.ts'

export const dnsAnswers: Check = {
  name: 'dns-answers',
  subject: 'dns',
  asks: `Is a question about ${clustersetZone} answered? (probed)`,
  run: ({ probed: { names } }) => {
    if (names.length === 0) return []
    const ours = names.find((n) => n.asked === 'tombolo-dns')
    return orPass(
      names.flatMap(({ asked, server, node, failure }) =>
        failure === undefined
          ? []
          : [
              {
                level: 'fail' as const,
                about: [asked],
                says: `${asked} at ${server}, asked from ${node}, does not answer for ${clustersetZone}: ${failure}`,
                remedy:
                  asked === 'tombolo-dns'
                    ? 'kubectl -n tombolo-system get pods -l app.kubernetes.io/component=dns shows its servers; if they are ready, kube-proxy or a NetworkPolicy on that node is in the way.'
                    : ours?.failure === undefined
                      ? 'Our server answers, so the cluster DNS does not ask it: its block for the zone is missing or not loaded yet. kubectl -n kube-system logs -l k8s-app=kube-dns says more.'
                      : 'Mend our server first (above).',
              },
            ],
      ),
      `${names.map((n) => n.asked).join(' and ')} answer for ${clustersetZone}`,
    )
  },
}
