// What binds clusters to the identities that were admitted, and how fast one is cut off: a broker that is no member, and two members.
// They have IPv6 and nothing else, to show beside it that Tombolo needs no IPv4: neither between gateways nor to the broker.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gatewayCertificate } from '#crds/gateway-certificate.ts'
import type { GatewayEndpoint } from '#crds/gateway-endpoint.ts'
import { joinRequest } from '#crds/join-request.ts'
import type { Member } from '#crds/member.ts'
import { member } from '#crds/member.ts'
import {
  brokerNamespace,
  brokerSecretName,
  componentLabel,
  heartbeatName,
  pairKeysSecretName,
  systemNamespace,
} from '#crds/places.ts'
import { serviceImport } from '#crds/service-import.ts'
import type { Found } from '#fleet/checks/index.ts'
import type { HeldPairKey } from '#lib/identity/pair-key.ts'
import type { Kube } from '#lib/kube/client.ts'
import { kube } from '#lib/kube/client.ts'
import { StatusError } from '#lib/kube/errors.ts'
import type { Secret } from '#lib/kube/kinds.ts'
import { leases, pods, secrets } from '#lib/kube/kinds.ts'
import { fromKubeconfig } from '#lib/kube/kubeconfig.ts'
import type { KubeObject } from '#lib/kube/object.ts'
import { keyOf } from '#lib/kube/object.ts'
import { reflect } from '#lib/kube/reflector.ts'
import { logger } from '#lib/std/log.ts'
import { pause } from '#lib/std/pause.ts'
import { readCredentials } from '#operator/joining/credentials.ts'
import { readPairKeys } from '#operator/pair-keys/plan.ts'
import type { Cluster } from '#test/rig/cluster.ts'
import { eventually } from '#test/kit/eventually.ts'
import { exportWeb, firstAnswer, fleetOf, openClient, openShop } from '#test/kit/fleet.ts'
import type { Traffic } from '#test/kit/traffic.ts'
import { lostMs, traffic } from '#test/kit/traffic.ts'
import { isMember, onTrio } from './fleets.ts'
import { grantedNames } from './trust/granted-names.ts'

const promisedMs = 5_000
/** Where gateways have what they believe, on their nodes. */
const dir = '/var/lib/tombolo/ike'
type Side = 'east' | 'west'
const otherOf = (side: Side): Side => (side === 'east' ? 'west' : 'east')

suite('trust between clusters', function () {
  this.timeout(120_000)
  const at = onTrio()
  suiteSetup(async () => {
    const members = [at.rig.cluster('east'), at.rig.cluster('west')]
    const joined = async () => {
      await fleet().deployBroker()
      // After the suite `joining` west is a member already.
      for (const c of members) if (!(await isMember(c))) await fleet().join(c)
    }
    await Promise.all([joined(), ...members.map((c) => openShop(c, at.signal).then(() => openClient(c, at.signal)))])
    await exportWeb(cluster('west'), at.signal)
    await firstAnswer(cluster('east'), 60_000, at.signal)
  })
  const fleet = () => fleetOf(at.rig, at.signal)
  const cluster = (side: Side): Cluster => at.rig.cluster(side)
  const secretOf = async (side: Side, name: string): Promise<Secret> =>
    JSON.parse(await cluster(side).kubectl(['-n', systemNamespace, 'get', 'secret', name, '-o', 'json'])) as Secret
  const heldBy = async (side: Side): Promise<HeldPairKey | undefined> =>
    readPairKeys(await secretOf(side, pairKeysSecretName), Date.now()).get(otherOf(side))
  const wg = async (side: Side, what: string): Promise<readonly string[]> =>
    (
      await cluster(side).kubectl([
        '-n',
        systemNamespace,
        'exec',
        'daemonset/tombolo-gateway',
        '--',
        'wg',
        'show',
        'tmb-wg',
        what,
      ])
    )
      .trim()
      .split('\n')
      .filter(Boolean)
  const requiredByBoth = () =>
    eventually(async () => {
      for (const side of ['east', 'west'] as const) assert.equal((await heldBy(side))?.use, 'Required', side)
    }, 30_000)
  /** From the client of `side` to a web pod of the other: no name is asked for. */
  const callsFrom = async (side: Side): Promise<Traffic> => {
    const podIP = await cluster(otherOf(side)).kubectl([
      ...['-n', 'shop', 'get', 'pod', '-l', 'app=web', '-o', 'jsonpath={.items[0].status.podIP}'],
    ])
    return traffic(cluster(side), { pod: 'shop/client', url: `http://[${podIP}]:8080/`, everyMs: 20, lostMs: 2_000 })
  }

  const adminOf = async (id: Side | 'hub'): Promise<Kube> => {
    const chosen = await fromKubeconfig({ path: at.rig.cluster(id).kubeconfig })
    if (!chosen.ok) throw new Error(chosen.error.want)
    return kube(chosen.value.connection, logger('test', 'silent'))
  }
  /** When the broker's apiserver tells of the first change of west that is one. */
  const written = async (isOne: (now: Member | undefined, old: Member | undefined) => boolean) => {
    const hub = await adminOf('hub')
    const stop = new AbortController()
    const { store, done } = reflect(hub, member, { namespace: brokerNamespace, fields: 'metadata.name=west' }, stop.signal)
    await store.whenSynced(at.signal)
    return {
      at: new Promise<number>((resolve) => {
        store.onChange((now, old) => {
          if (isOne(now, old)) resolve(Date.now())
        })
      }),
      [Symbol.asyncDispose]: async () => {
        stop.abort()
        await done
        await hub[Symbol.asyncDispose]()
      },
    }
  }
  /** Both sides have the key of this epoch and no other one. */
  const alone = (epoch: number) =>
    eventually(async () => {
      const [east, west] = [await heldBy('east'), await heldBy('west')]
      assert.deepEqual([east?.epoch, east?.other, east?.use], [epoch, undefined, 'Required'])
      assert.deepEqual([west?.id, west?.other, west?.use], [east?.id, undefined, 'Required'])
    }, 60_000)
  const onBothCables = () =>
    eventually(async () => {
      const held = await heldBy('east')
      for (const side of ['east', 'west'] as const) {
        const [line = ''] = await wg(side, 'preshared-keys')
        assert.ok(held !== undefined && line.endsWith(`\t${held.key.base64()}`), `${side} has no key, or another`)
      }
    }, 30_000)
  const on = async (side: Side, ...command: readonly string[]) => (await cluster(side).node(1).exec(command)).stdout.trim()
  const onHub = (...args: readonly string[]) => at.rig.cluster('hub').kubectl(args, '', at.signal)
  const routedInEast = async (cidr: string): Promise<boolean> =>
    (await cluster('east').node(1).exec(['ip', '-6', 'route', 'show', 'table', 'all'])).stdout.includes(cidr)

  test('diagnose finds nothing wrong where there is IPv6 alone', async () => {
    await eventually(async () => {
      const { out, code } = await fleet().tombolo('diagnose', 'all', '--context', 'east', '-o', 'json')
      const { findings } = JSON.parse(out) as { readonly findings: readonly Found[] }
      assert.deepEqual([code, findings.filter(({ level }) => level !== 'pass')], [0, []])
    })
  })

  suite('the key of a pair', () => {
    test('T12: is on the cable at both ends, the same, and traffic flows', async () => {
      await requiredByBoth()
      const [east, west] = [await heldBy('east'), await heldBy('west')]
      assert.ok(east !== undefined && west !== undefined)
      assert.ok(east.id === west.id && east.key.equals(west.key))
      for (const side of ['east', 'west'] as const)
        await eventually(async () => {
          const [line = '', ...more] = await wg(side, 'preshared-keys')
          assert.ok(line.endsWith(`\t${east.key.base64()}`), `${side} has no key, or another`)
          assert.deepEqual(more, [])
        })
      await firstAnswer(cluster('east'), 5_000, at.signal)
    })

    test('is taken away and introduced anew without a request lost', async () => {
      await using calls = await callsFrom('east')
      const before = await heldBy('east')
      const began = Date.now()
      for (const side of ['east', 'west'] as const)
        await cluster(side).kubectl(['-n', systemNamespace, 'delete', 'secret', pairKeysSecretName])
      await requiredByBoth()
      assert.equal((await heldBy('east'))?.id, before?.id)
      await pause(2_500, at.signal)
      assert.deepEqual(calls.lostBetween(began, Date.now() - 2_000), [])
    })

    test('F23: is changed when either asks, without a request lost, and everywhere at both ends', async () => {
      await using calls = await callsFrom('east')
      const before = await heldBy('east')
      const began = Date.now()
      for (const side of ['east', 'west', 'east'] as const) await fleet().must('rotate-keys', '--context', side)
      const took = Date.now() - began
      await alone((before?.epoch ?? 0) + 3)
      const ended = Date.now()
      await pause(2_500, at.signal)
      const [lost, asked] = [calls.lostBetween(began, ended), calls.between(began, ended)]
      console.log(`      three changes of a pair's key: ${took} ms, ${lost.length} of ${asked.length} requests lost`)
      assert.deepEqual(lost, [])
      assert.ok(asked.length > 20)
      await onBothCables()
    })

    test('F23: is changed also when gateways and operators are killed in the middle of it', async () => {
      const before = await heldBy('east')
      await using east = await adminOf('east')
      const { items } = await east.list(pods, { namespace: systemNamespace }, at.signal)
      const victims = items.filter(({ metadata }) => /^tombolo-(gateway|operator)-/.test(metadata.name))
      assert.ok(victims.length >= 2)
      const rotating = fleet().must('rotate-keys', '--context', 'east', '--timeout', '100')
      await eventually(async () => assert.notEqual((await heldBy('east'))?.epoch, before?.epoch), 20_000)
      for (const { metadata } of victims)
        await east.delete(pods, { namespace: systemNamespace, name: metadata.name }, { graceSeconds: 0 }, at.signal)
      await rotating
      await alone((before?.epoch ?? 0) + 1)
      await onBothCables()
      await firstAnswer(cluster('east'), 30_000, at.signal)
    })

    test('T12, T18: is nowhere on the broker, for whoever may read everything there, and in no bundle and no log', async () => {
      const held = await heldBy('east')
      assert.ok(held !== undefined)
      const forms = [held.key.base64(), held.key.hex(), Buffer.from(held.key.base64()).toString('base64').replace(/=+$/, '')]
      const shows = (what: string, text: string) => {
        for (const form of forms) assert.ok(!text.includes(form), `${what} has the key`)
      }
      const hub = at.rig.cluster('hub')
      const kinds = (await hub.kubectl(['api-resources', '--verbs=list', '-o', 'name'])).trim().split('\n')
      assert.ok(kinds.includes('secrets'))
      const all = await hub.kubectl(['get', kinds.join(), '-A', '-o', 'json', '--show-managed-fields'])
      const { items } = JSON.parse(all) as { readonly items: readonly KubeObject[] }
      const found = new Set(items.map(({ kind }) => kind))
      assert.ok(found.has('Secret') && found.has('GatewayEndpoint') && found.size > 20)
      for (const item of items) shows(`${item.kind} ${item.metadata.name}`, JSON.stringify(item))
      const announcing = items.filter((item) => JSON.stringify(item).includes(held.id))
      assert.deepEqual([...new Set(announcing.map(({ kind }) => kind))], ['GatewayEndpoint'])

      const folder = await mkdtemp(join(tmpdir(), 'tombolo-bundle-'))
      try {
        await fleet().must('gather', '--contexts', 'hub,east,west', '--dir', join(folder, 'bundle'))
        const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((f) => f.isFile())
        assert.ok(files.length > 50)
        for (const { parentPath, name } of files) shows(name, await readFile(join(parentPath, name), 'utf8'))
      } finally {
        await rm(folder, { recursive: true })
      }
      for (const component of ['operator', 'gateway']) {
        const of = `app.kubernetes.io/component=${component}`
        const said = await cluster('east').kubectl(['-n', systemNamespace, 'logs', '-l', of, '--tail=-1'])
        assert.match(said, /"level"/)
        shows(`the log of ${component}`, said)
      }
    })
  })

  suite('the certificates of gateways', () => {
    const [roots, certificate] = [`${dir}/roots.pem`, `${dir}/certificate.pem`]
    const x509 = (side: Side, ...what: readonly string[]) => on(side, 'openssl', 'x509', '-in', certificate, '-noout', ...what)
    const verifies = async (side: Side) =>
      assert.match(await on(side, 'openssl', 'verify', '-x509_strict', '-CAfile', roots, certificate), /: OK$/)

    test('lie on their nodes and verify by OpenSSL, each for its own name, and the key is nobody else’s to read', async () => {
      for (const side of ['east', 'west'] as const) {
        await eventually(() => verifies(side))
        const name = await x509(side, '-ext', 'subjectAltName')
        assert.match(name, new RegExp(`DNS:[0-9a-f]{16}\\.${side}\\.gateway\\.tombolo\\.dev`))
        assert.equal(await on(side, 'stat', '-c', '%a', `${dir}/key.pem`), '600')
        const serial = (await x509(side, '-serial')).toLowerCase().replace('serial=', '')
        await eventually(async () => {
          const asked = await onHub(
            '-n',
            `tombolo-m-${side}`,
            'get',
            'gatewaycertificates',
            '-o',
            'jsonpath={.items[0].spec.inUse}',
          )
          assert.equal(asked, serial)
        })
      }
    })

    test('follow a rotation of the CA to its end: another root alone is believed, and theirs are from it', async () => {
      const before = { east: await x509('east', '-serial'), west: await x509('west', '-serial') }
      const [old, began] = [await on('east', 'cat', roots), Date.now()]
      await onHub('-n', brokerNamespace, 'patch', 'fleet', 'fleet', '--type=merge', '-p', '{"spec":{"ca":{"root":2}}}')
      await eventually(async () => {
        const stage = await onHub('-n', brokerNamespace, 'get', 'trustbundle', 'fleet', '-o', 'jsonpath={.status.stage}')
        assert.equal(stage, 'Stable')
        for (const side of ['east', 'west'] as const) {
          const now = await on(side, 'cat', roots)
          assert.equal(now.match(/BEGIN CERTIFICATE/g)?.length, 1)
          assert.notEqual(now, old)
          assert.notEqual(await x509(side, '-serial'), before[side])
          await verifies(side)
        }
      }, 60_000)
      process.stdout.write(`      rotation of the CA, ms: ${Date.now() - began}\n`)
    })
  })

  test('T16: the token of each program is for an hour and for its pod, and is read by it', async () => {
    const read = `fs.readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8')`
    for (const program of [
      'deploy/tombolo-operator',
      'daemonset/tombolo-gateway',
      'daemonset/tombolo-agent',
      'deploy/tombolo-dns',
    ]) {
      const token = await cluster('east').kubectl(['-n', systemNamespace, 'exec', program, '--', 'node', '-p', read])
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
        readonly iat: number
        readonly exp: number
        readonly 'kubernetes.io': { readonly pod?: { readonly name: string } }
      }
      assert.equal(claims.exp - claims.iat, 3600, program)
      assert.ok(claims['kubernetes.io'].pod?.name.startsWith(program.replace(/^.*\//, '')), program)
    }
  })

  suite('the key of a gateway', () => {
    const published = async () => {
      const read = await at.rig.cluster('hub').kubectl(['-n', 'tombolo-m-west', 'get', 'gatewayendpoints', '-o', 'json'])
      const [gateway] = (JSON.parse(read) as { readonly items: readonly GatewayEndpoint[] }).items
      return { key: gateway?.spec.wireguard.publicKey ?? '', uid: gateway?.metadata.uid }
    }
    test('is not changed where no other gateway can take over, unless that is meant; then its cable comes back with another', async () => {
      const before = await published()
      const command = ['gateway', 'rotate-key', cluster('west').node(1).name, '--context', 'west']
      const refused = await fleet().tombolo(...command)
      assert.equal(refused.code, 2)
      assert.match(refused.err, /No other gateway of "west" can take over/)
      assert.deepEqual(await published(), before)
      await using calls = await callsFrom('east')
      const began = Date.now()
      await fleet().must(...command, '--force')
      const now = await published()
      assert.notEqual(now.key, before.key)
      assert.deepEqual(await wg('east', 'peers'), [now.key])
      await firstAnswer(cluster('east'), 30_000, at.signal)
      const ended = Date.now()
      await pause(2_500, at.signal)
      const lost = calls.lostBetween(began, ended).map((r) => r.at)
      const silentMs = lost.length === 0 ? 0 : Math.max(...lost) - Math.min(...lost)
      process.stdout.write(`      another key of an only gateway: ${silentMs} ms without an answer\n`)
      assert.ok(silentMs < 60_000)
    })

    test('is another when it was lost: the gateway is published anew with it, and its cable comes back', async () => {
      const before = await published()
      await cluster('west').node(1).exec(['rm', '/var/lib/tombolo/wireguard.key'])
      const gateways = ['pod', '-l', 'app.kubernetes.io/component=gateway']
      await cluster('west').kubectl(['-n', systemNamespace, 'delete', ...gateways, '--wait=true'])
      await eventually(async () => {
        const now = await published()
        assert.notEqual(now.key, before.key)
        assert.notEqual(now.uid, before.uid)
        assert.deepEqual(await wg('east', 'peers'), [now.key])
      }, 60_000)
      await firstAnswer(cluster('east'), 30_000, at.signal)
    })
  })

  suite('a member that takes other addresses for its pods', () => {
    const [before, after, address] = ['fd00:243::/48', 'fd00:200::/48', 'fd00:200::5']
    const drainSeconds = 8
    const move = (to: string) => fleet().join(cluster('west'), '--pod-cidr', to)
    /** As if its pods moved over one by one: a web pod has an address of the new range beside that of the old. */
    const openThere = async () => {
      const west = cluster('west')
      const of = 'jsonpath={.items[0].metadata.name} {.items[0].status.podIP}'
      const [name = '', podIP = ''] = (await west.kubectl(['-n', 'shop', 'get', 'pod', '-l', 'app=web', '-o', of])).split(' ')
      const { pid } = await west.process(`shop/${name}`)
      const on = async (...command: readonly string[]) => {
        const { code, stdout, stderr } = await west.node(1).exec(command)
        assert.equal(code, 0, stderr)
        return stdout
      }
      const [device = ''] = /(?<=dev )\S+/.exec(await on('ip', 'route', 'get', podIP)) ?? []
      await on('nsenter', '--target', String(pid), '--net', 'ip', 'address', 'add', `${address}/128`, 'dev', 'eth0', 'nodad')
      await on('ip', '-6', 'route', 'add', `${address}/128`, 'dev', device)
    }

    test('loses no request: the new range is routed at once, the old one goes on while it drains, and is given up after that', async () => {
      const hub = at.rig.cluster('hub')
      const drain = JSON.stringify({ spec: { join: { drainSeconds } } })
      await hub.kubectl(['-n', brokerNamespace, 'patch', 'fleet', 'fleet', '--type=merge', '-p', drain])
      assert.deepEqual(cluster('west').podCIDRs, [before])
      await openThere()
      await using old = await callsFrom('east')
      const url = `http://[${address}]:8080/`
      await using fresh = await traffic(cluster('east'), { pod: 'shop/client', url, everyMs: 20 })
      await using write = await written((now, was) => now?.spec.podCIDRs[0] === after && was?.spec.podCIDRs[0] === before)
      const began = Date.now()
      const [wrote] = await Promise.all([write.at, move(after)])
      const answered = () => fresh.requests.filter((r) => r.lost === undefined).map((r) => r.at + r.ms)
      await eventually(() => assert.ok(answered().length > 0, 'nothing of the new range has answered'))
      const first = Math.min(...answered())
      assert.ok(first - wrote <= promisedMs, `the new range answered ${first - wrote} ms after the write`)

      const status = async () =>
        (JSON.parse(await hub.kubectl(['-n', brokerNamespace, 'get', 'member', 'west', '-o', 'json'])) as Member).status
      const [draining] = (await status())?.draining ?? []
      assert.deepEqual([draining?.cidr, draining?.use], [before, 'Pods'])
      const until = new Date(draining?.until ?? '').getTime()
      assert.ok(until > Date.now() + 500, 'the two ranges are in use side by side')
      await pause(until - Date.now(), at.signal)
      await eventually(async () => {
        assert.equal(await routedInEast(before), false)
        assert.equal((await status())?.draining, undefined)
      })
      const gone = Date.now()
      assert.ok(gone - until <= promisedMs, `the old range was routed for ${gone - until} ms more`)
      await pause(lostMs + 500, at.signal)
      // To the last moment; those that began just before it may be on their way still.
      const lost = old.lostBetween(began, until - 500).map((request) => ({ ...request, afterWrite: request.at - wrote }))
      assert.deepEqual(lost, [])
      assert.ok(old.between(began, until).length > 100)
      assert.deepEqual(fresh.lostBetween(first, Date.now() - lostMs), [])
      process.stdout.write(`      ms after the write: new range answers ${first - wrote}, old range given up ${gone - wrote}\n`)
    })

    test('goes back the same way, and is called by name as before', async () => {
      await move(before)
      await firstAnswer(cluster('east'), 20_000, at.signal)
    })
  })

  grantedNames(at)

  suite('a member that is cut off', () => {
    type Facts = Readonly<Record<string, () => Promise<boolean>>>
    /** When each became so, by `Date.now()`; all are asked for all the time. */
    const firstSo = async (facts: Facts): Promise<readonly (readonly [string, number])[]> => {
      const end = Date.now() + 30_000
      const isAt = async (what: string, isSo: () => Promise<boolean>) => {
        while (!(await isSo())) {
          if (Date.now() > end) throw new Error(`after 30 s not so: ${what}`)
          await pause(100, at.signal)
        }
        return [what, Date.now()] as const
      }
      return Promise.all(Object.entries(facts).map(([what, isSo]) => isAt(what, isSo)))
    }
    const certificateOfWest = async () => {
      await using hub = await adminOf('hub')
      const { items } = await hub.list(gatewayCertificate, { namespace: 'tombolo-m-west' }, at.signal)
      return items[0] ?? assert.fail('west has asked for no certificate')
    }
    /** What its gateway showed until then is not believed by that of east any more. */
    const certificateDenied = async () => {
      await eventually(async () => assert.ok((await certificateOfWest()).status?.serial !== undefined))
      const serial = (await certificateOfWest()).status?.serial ?? ''
      return async () => (await on('east', 'cat', `${dir}/denied`)).includes(serial)
    }
    /** From within its pods and by one connection: kubectl would take the processors from what is timed. */
    const goneInEast = async (east: Kube): Promise<Facts> => {
      const [gateway] = (await east.list(pods, { namespace: systemNamespace, labels: `${componentLabel}=gateway` }, at.signal))
        .items
      const inside = async (pod: string) => {
        const { pid } = await cluster('east').process(pod)
        return (...command: readonly string[]) =>
          cluster('east')
            .node(1)
            .exec(['nsenter', '--target', String(pid), '--mount', '--net', ...command])
      }
      const inGateway = await inside(`${systemNamespace}/${gateway?.metadata.name ?? ''}`)
      const inClient = await inside('shop/client')
      return {
        tunnel: async () => {
          const { code, stdout } = await inGateway('wg', 'show', 'tmb-wg', 'peers')
          return code === 0 && stdout.trim() === ''
        },
        import: async () => (await east.list(serviceImport, { namespace: 'shop' }, at.signal)).items.length === 0,
        name: async () => {
          const { code, stdout } = await inClient('dig', '+short', '+tries=1', '+time=2', 'AAAA', 'web.shop.svc.clusterset.local')
          return code === 0 && stdout.trim() === ''
        },
        key: async () => {
          const secret = await east.get(secrets, { namespace: systemNamespace, name: pairKeysSecretName }, at.signal)
          return secret === undefined || !readPairKeys(secret, Date.now()).has('west')
        },
      }
    }
    const lastAnswer = ({ requests }: Traffic) =>
      Math.max(0, ...requests.filter((r) => r.lost === undefined).map((r) => r.at + r.ms))
    /** Runs a command that cuts west off; times are from the broker's write. */
    const cutOff = async (command: readonly string[], more: Facts) => {
      await using east = await adminOf('east')
      const facts = { ...(await goneInEast(east)), ...more }
      await using fromEast = await callsFrom('east')
      await using fromWest = await callsFrom('west')
      await using write = await written(
        (now, old) => now?.spec.state !== old?.spec.state || now?.metadata.deletionTimestamp !== undefined,
      )
      await eventually(() => {
        for (const calls of [fromEast, fromWest]) assert.ok(lastAnswer(calls) > 0)
      })
      for (const [what, isSo] of Object.entries(facts)) assert.equal(await isSo(), false, what)
      const [so, began] = await Promise.all([firstSo(facts), write.at, fleet().must(...command)])
      await pause(3_000, at.signal)
      const figures = Object.entries({
        ...Object.fromEntries(so),
        'last answer to east': lastAnswer(fromEast),
        'last answer to west': lastAnswer(fromWest),
      }).map(([what, when]) => [what, when - began] as const)
      process.stdout.write(`      ${command.join(' ')}, ms after the write: ${JSON.stringify(Object.fromEntries(figures))}\n`)
      for (const [what, ms] of figures) assert.ok(ms <= promisedMs, `${what}: ${ms} ms`)
    }

    let isDenied: () => Promise<boolean>
    test('in quarantine: its cable, imports, names and certificate are gone in 5 s, no packet passes either way, and it is still to be seen', async () => {
      isDenied = await certificateDenied()
      await cutOff(['quarantine', 'west', '--context', 'hub'], {
        certificate: isDenied,
        renewal: async () => {
          const { status } = await certificateOfWest()
          return status?.certificate === undefined && status?.conditions?.[0]?.reason === 'NotAdmitted'
        },
      })
      const { out } = await fleet().must('show', 'members', '--context', 'hub', '-o', 'json')
      assert.match(out, /"west"/)
      assert.match(out, /Quarantined/)
    })

    test('let back, it takes part as before, with the key of the pair required again', async () => {
      const began = Date.now()
      await fleet().must('quarantine', 'west', '--lift', '--context', 'hub')
      await firstAnswer(cluster('east'), 20_000, at.signal)
      process.stdout.write(`      quarantine --lift, ms: first answer by name after ${Date.now() - began}\n`)
      await requiredByBoth()
      await eventually(async () => {
        assert.ok((await certificateOfWest()).status?.certificate !== undefined)
        assert.equal(await isDenied(), false)
      })
    })

    const routeGone = async () => !(await routedInEast(cluster('west').podCIDRs[0] ?? '?'))
    /** What the broker answers to the tokens that west has now. */
    const tokensOfWest = async () => {
      const read = readCredentials(await secretOf('west', brokerSecretName))
      assert.ok(read.ok)
      const { server, ca, token, renewalToken } = read.value
      const answerTo = async (credential: string, ask: (broker: Kube) => Promise<unknown>): Promise<number> => {
        await using broker = kube({ server, ca, token: () => Promise.resolve(credential) }, logger('test', 'silent'))
        try {
          await ask(broker)
          return 200
        } catch (error) {
          if (error instanceof StatusError) return error.code
          throw error
        }
      }
      const { metadata, spec } = await certificateOfWest()
      return {
        asMember: () =>
          answerTo(token, (broker) => broker.get(leases, { namespace: 'tombolo-m-west', name: heartbeatName }, at.signal)),
        asJoiner: () =>
          answerTo(renewalToken, (broker) => broker.get(joinRequest, { namespace: 'tombolo-j-west', name: 'west' }, at.signal)),
        renewing: () =>
          answerTo(token, (broker) =>
            broker.patch(gatewayCertificate, keyOf({ metadata }), { spec }, { dryRun: true }, at.signal),
          ),
      }
    }
    // An apiserver may take a token for 10 s more that it has just taken: rights go at once.
    const isRefused = (code: number) => code === 401 || code === 403

    test('that leaves: its cable, routes, imports, names and certificate are gone in 5 s, no packet passes either way, and its tokens are dead', async () => {
      const { asMember, asJoiner } = await tokensOfWest()
      await cutOff(['leave', '--context', 'west', '--yes'], {
        route: routeGone,
        certificate: await certificateDenied(),
        token: async () => isRefused(await asMember()),
        'renewal token': async () => isRefused(await asJoiner()),
      })
      const { out } = await fleet().must('leave', '--context', 'west', '--yes', '-o', 'json')
      assert.equal((JSON.parse(out) as { readonly state: string }).state, 'Left')
    })

    test('and comes back by a new grant, at once to its own addresses', async () => {
      const began = Date.now()
      await fleet().join(cluster('west'))
      await firstAnswer(cluster('east'), 20_000, at.signal)
      process.stdout.write(`      back after leaving, ms from command to answer: ${Date.now() - began}\n`)
      await requiredByBoth()
    })

    test('revoked: its cable, routes, imports, names and certificate are gone in 5 s, no packet passes either way, and its tokens are dead', async () => {
      const { asMember, asJoiner, renewing } = await tokensOfWest()
      await cutOff(['revoke', 'west', '--yes', '--context', 'hub'], {
        route: routeGone,
        certificate: await certificateDenied(),
        renewal: async () => isRefused(await renewing()),
        token: async () => isRefused(await asMember()),
        'renewal token': async () => isRefused(await asJoiner()),
      })
      await eventually(async () => assert.deepEqual([await asMember(), await asJoiner()], [401, 401]))
    })
  })
})
