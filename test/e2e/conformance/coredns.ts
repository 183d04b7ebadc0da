// CoreDNS' own `multicluster` option beside our server on what the operators have made: who runs that instead gets the same answers.
import assert from 'node:assert/strict'
import { systemNamespace } from '#crds/places.ts'
import { serviceExport } from '#crds/service-export.ts'
import { coreDNS, said } from '#test/kit/coredns.ts'
import type { Case, Place } from './stage.ts'
import { expose, exportInBoth, name, nameIn, put, run, soon, soonRunning, tcp } from './stage.ts'

/** What tombolo-dns says to a pod, each answer as `said` writes it. */
async function saidToPod(at: Place, questions: readonly string[]): Promise<readonly string[]> {
  const service = ['-n', systemNamespace, 'get', 'service', 'tombolo-dns', '-o', 'jsonpath={.spec.clusterIP}']
  const server = await at.cluster.kubectl(service)
  const dig = `dig @${server} +noall +comments +answer +authority +additional +tries=1 +time=2`
  const script = questions.map((question) => `${dig} ${fullName(question)}; echo ---`).join('\n')
  const { stdout } = await at.cluster.exec('shop/client', ['sh', '-c', script], at.signal)
  return stdout.split('---\n').slice(0, -1).map(digText)
}

const fullName = (question: string): string => question.replace(/^(\S+)/, '$1.clusterset.local.')

function digText(text: string): string {
  const sections = new Map<string, string[]>()
  let section = ''
  for (const line of text.split('\n')) {
    section = /^;; (\w+) SECTION/.exec(line)?.[1] ?? section
    if (line === '' || line.startsWith(';')) continue
    const [owner = '', ttl = '', , type = '', ...data] = line.split(/\s+/)
    sections.set(section, [...(sections.get(section) ?? []), [owner, ttl, type, ...data].join(' ').replaceAll(/\.(?= |$)/g, '')])
  }
  const of = (name: string, mark = '') => (sections.get(name) ?? []).map((record) => `${mark}${record}`).sort()
  const authority = of('AUTHORITY').map((record) => record.split(' ')[2] ?? '')
  const code = `${/status: (\w+)/.exec(text)?.[1] ?? 'none'}${/flags:[^;]* aa/.test(text) ? ' aa' : ''}`
  return [code, ...of('ANSWER'), ...authority, ...of('ADDITIONAL', '+ ')].join(' | ').replaceAll('.clusterset.local', '')
}

export const compared: readonly Case[] = [
  {
    title: 'CoreDNS’ multicluster option, beside our server on the same objects of real clusters, gives the same answers',
    run: async (stage) => {
      const { there } = stage
      const db = { metadata: { name: 'db' } }
      await Promise.all(
        stage.both.map(async (at) => {
          await run(at)
          await expose(at, { clusterIP: 'None', ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'], ports: [tcp] }, db.metadata)
          await put(at, serviceExport, { ...db, spec: {} })
        }),
      )
      await exportInBoth(stage, {})
      const pods = (await Promise.all(stage.both.map((at) => soonRunning(at, 1)))).map(
        (ips) => ips.find((ip) => !ip.includes(':')) ?? '',
      )
      const [web, data] = [name, 'db'].map((service) => `${service}.${there.namespace}.svc`)
      const [here = '', other = ''] = pods.map((ip, i) => `${ip.replaceAll('.', '-')}.${stage.both[i]?.id ?? ''}.${data}`)
      const questions = [
        ...['A', 'AAAA', 'MX', 'TXT', 'HTTPS'].map((type) => `${web} ${type}`),
        ...[`_nope._tcp.${web} SRV`, `east.${web} A`],
        ...['A', 'AAAA', 'SRV'].map((type) => `${data} ${type}`),
        ...[`_tcp._tcp.${data} SRV`, `${here} A`, `${here} AAAA`, `${other} A`, `north.${data} A`],
        ...[`nope.${there.namespace}.svc A`, `${name}.nowhere.svc A`, `${there.namespace}.svc A`, 'nowhere.svc A'],
      ]
      await using theirs = await coreDNS(there.cluster, nameIn(there))
      await soon(async () => {
        const ours = await saidToPod(there, questions)
        assert.equal(ours[questions.indexOf(`${data} A`)]?.split(' | ').length, 3, 'both pods are known')
        const expected = await Promise.all(questions.map((question) => said(theirs, question)))
        assert.deepEqual(
          questions.map((question, i) => `${question}: ${ours[i] ?? ''}`),
          questions.map((question, i) => `${question}: ${expected[i] ?? ''}`),
        )
      })
    },
  },
]
