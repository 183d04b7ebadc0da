// What every cable driver must do, as tests over any driver on any machine, made of text or real. A new driver's own tests are this
// suite first, and then what is special to it.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import type { Host } from '#lib/host/host.ts'
import { parseAddresses, parseLinks } from '#lib/host/ip.ts'
import type { CIDR } from '#lib/net/cidr.ts'
import { parseCIDR } from '#lib/net/cidr.ts'
import type { PublicKey } from '#lib/net/keys.ts'
import { PresharedKey, PrivateKey, tunnelAddress } from '#lib/net/keys.ts'
import { logger } from '#lib/std/log.ts'
import type { Cable, CableDriver, DriverOptions, MakeDriver } from '#gateway/cable/driver.ts'
import { testCA } from './test-ca.ts'

/** A machine of its own for each test, and what the suite cannot know of the driver's kind. */
export interface TestMachine extends AsyncDisposable {
  readonly host: Host
  /** What the driver's device is called. */
  readonly device: string
  /** A directory that does not exist yet. */
  readonly stateDir: string
  /** What each cable carries by the word of the kernel or daemon, besides its tunnel address, sorted. */
  carried(): Promise<ReadonlyMap<PublicKey, readonly string[]>>
  /** The pre-shared key of each cable that has one, by the word of the kernel or daemon, in base64. */
  sharedKeys(): Promise<ReadonlyMap<PublicKey, string>>
  /** Takes the device away, as a crash or a person would. */
  destroy(): Promise<void>
  /** Gives the device a cable that nobody asked for. */
  meddle(): Promise<void>
}

const blocks = [cidr('10.1.0.0/16'), cidr('10.2.0.0/16'), cidr('fd00:3::/48')] as const
const [first, second, third] = blocks
const keys = Array.from({ length: 4 }, () => PrivateKey.generate().publicKey)
const ca = testCA()
const certified = keys.map((_, i) => ca.issue(`n${i}.west.gateway.tombolo.dev`))

const cable = (peer: number, cidrs: readonly CIDR[] = [], change: Partial<Cable> = {}): Cable => ({
  publicKey: keys[peer] ?? assert.fail(),
  candidates: [{ address: `192.0.2.${peer + 1}`, port: 51820 }],
  cidrs,
  ipsec: { ...(certified[peer] ?? assert.fail()), own: [cidr('10.9.0.0/16'), cidr('fd00:9::/48')] },
  ...change,
})

const sharedKey = () => PresharedKey.of(randomBytes(32))

/** `walks`: how many random walks; a real machine takes some 50 ms for a step. `presharedKeys`: whether the kind has them. */
export function cableDriverContract(
  make: MakeDriver,
  onMachine: () => Promise<TestMachine>,
  walks: number,
  presharedKeys: 'some' | 'none' = 'some',
): void {
  let machine: TestMachine
  let host: Watched
  let lost: number
  let drivers: CableDriver[]
  const { signal } = new AbortController()

  setup(async () => {
    machine = await onMachine()
    host = watched(machine.host)
    lost = 0
    drivers = []
  })
  teardown(async () => {
    for (const driver of drivers) await driver[Symbol.asyncDispose]()
    await machine[Symbol.asyncDispose]()
  })

  async function start(change: Partial<DriverOptions> = {}): Promise<CableDriver> {
    const options: DriverOptions = {
      host,
      device: machine.device,
      stateDir: machine.stateDir,
      port: 51820,
      underlays: ['lo'],
      mtu: 1400,
      onLost: () => {
        lost++
      },
      log: logger('test', 'silent'),
      ...change,
    }
    const driver = await make(options, signal)
    drivers.push(driver)
    return driver
  }
  const link = async () =>
    parseLinks(await host.run('ip', ['-j', '-d', 'link', 'show'], {}, signal)).find((l) => l.name === machine.device)
  const text = (cables: readonly Cable[]) =>
    cables
      .filter((c) => c.cidrs.length > 0)
      .map((c) => `${c.publicKey} ${c.cidrs.toSorted().join(' ')}`)
      .toSorted()
  const carriedText = async () =>
    [...(await machine.carried())]
      .filter(([, cidrs]) => cidrs.length > 0)
      .map(([key, cidrs]) => `${key} ${cidrs.join(' ')}`)
      .toSorted()
  async function assertIs(driver: CableDriver, want: readonly Cable[]): Promise<void> {
    assert.deepEqual((await driver.read(signal)).map((c) => c.publicKey).toSorted(), want.map((c) => c.publicKey).toSorted())
    assert.deepEqual(await carriedText(), text(want))
  }

  test('making a driver touches no device, and reading before there is one is an error', async () => {
    const driver = await start()
    assert.equal(await link(), undefined)
    await assert.rejects(driver.read(signal))
  })

  test('a gateway is the same one after a restart, by a key that only its owner can read', async () => {
    const { publicKey } = await start()
    assert.equal((await start()).publicKey, publicKey)
    const written = host.written.filter(({ path }) => path.startsWith(machine.stateDir))
    assert.deepEqual(
      written.map(({ mode }) => mode),
      [0o600],
    )
  })

  test('the first set makes the device: up, of the size asked for, with the address that follows from the key', async () => {
    const driver = await start()
    await driver.set([], signal)
    const made = await link()
    assert.deepEqual([made?.up, made?.mtu], [true, 1400])
    const addresses = parseAddresses(await host.run('ip', ['-j', 'addr', 'show', 'dev', machine.device], {}, signal))
    assert.deepEqual(
      addresses.map((a) => a.address.split('/')[0]).toSorted(),
      [tunnelAddress(driver.publicKey), '192.0.0.8'].toSorted(),
    )
  })

  test('cables come, change and go', async () => {
    const driver = await start()
    for (const want of [
      [cable(0, [first]), cable(1)],
      [cable(0), cable(1, [first, second]), cable(2, [third])],
      [cable(2, [first])],
      [],
    ]) {
      await driver.set(want, signal)
      await assertIs(driver, want)
    }
  })

  if (presharedKeys === 'some')
    test('a cable takes a pre-shared key, keeps it, takes another and gives it up; nothing that others can read shows it', async () => {
      const [one, two] = [sharedKey(), sharedKey()]
      let driver = await start()
      for (const presharedKey of [undefined, one, one, two, undefined]) {
        const want = [cable(0, [first], presharedKey === undefined ? {} : { presharedKey }), cable(1, [], { presharedKey: two })]
        driver = await start()
        await driver.set(want, signal)
        await assertIs(driver, want)
        assert.deepEqual(
          [...(await machine.sharedKeys())].toSorted(),
          want.flatMap((c) => (c.presharedKey === undefined ? [] : [[c.publicKey, c.presharedKey.base64()]])).toSorted(),
        )
        host.changed.length = 0
        await driver.set(want, signal)
        assert.deepEqual(host.changed, [])
      }
      assert.ok(host.arguments.every((line) => [one, two].every((k) => !line.includes(k.base64()) && !line.includes(k.hex()))))
      assert.ok(host.written.every(({ mode }) => mode === 0o600))
      const said = JSON.stringify(await driver.read(signal))
      assert.ok([one, two].every((k) => !said.includes(k.base64()) && !said.includes(k.hex())))
    })

  test('a cable goes to its best candidate, and to another one when that is better', async () => {
    const driver = await start()
    for (const address of ['192.0.2.7', '2001:db8::7']) {
      await driver.set([cable(0, [], { candidates: [{ address, port: 4500 }] })], signal)
      const [state] = await driver.read(signal)
      assert.equal(state?.address, address.includes(':') ? `[${address}]:4500` : `${address}:4500`)
      assert.equal(state.handshakeAt, undefined)
    }
  })

  test('setting what is there already changes nothing, also after a restart', async () => {
    const want = [cable(0, [first]), cable(1, [second, third])]
    await (await start()).set(want, signal)
    const again = await start()
    host.changed.length = 0
    await again.set(want, signal)
    await again.set(want.toReversed(), signal)
    assert.deepEqual(host.changed, [])
    await assertIs(again, want)
  })

  test('what others did to the device is undone by the next set', async () => {
    const driver = await start()
    const want = [cable(0, [first])]
    await driver.set(want, signal)
    await machine.meddle()
    await host.run('ip', ['-batch', '-'], { stdin: `link set ${machine.device} mtu 1300 down\n` }, signal)
    await driver.set(want, signal)
    await assertIs(driver, want)
    const now = await link()
    assert.deepEqual([now?.up, now?.mtu], [true, 1400])
  })

  test('a device that went away is made again with all its cables', async () => {
    const driver = await start()
    const want = [cable(0, [first]), cable(1)]
    await driver.set(want, signal)
    await machine.destroy()
    await assert.rejects(driver.read(signal))
    await driver.set(want, signal)
    await assertIs(driver, want)
  })

  test('from any cables to any others, over a restart or none, it ends as wanted', async () => {
    // Which cables there are, which of them has which block (a cable that is absent has none), and whether the program starts anew before.
    const step = fc.record({
      there: fc.subarray([0, 1, 2, 3]),
      owners: fc.array(fc.nat(3), { minLength: blocks.length, maxLength: blocks.length }),
      restart: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (walk) => {
        let driver = await start()
        for (const { there, owners, restart } of walk) {
          if (restart) driver = await start()
          const want = there.map((peer) =>
            cable(
              peer,
              blocks.filter((_, i) => owners[i] === peer),
            ),
          )
          await driver.set(want, signal)
          await assertIs(driver, want)
        }
      }),
      { numRuns: walks },
    )
  })

  test('loss is told once to who asked for it, and not when we end it ourselves', async () => {
    const driver = await start()
    await driver.set([], signal)
    await driver[Symbol.asyncDispose]()
    assert.equal(lost, 0)
  })

  test('an aborted set is an error', async () => {
    const driver = await start()
    await assert.rejects(driver.set([cable(0)], AbortSignal.abort()))
  })
}

function cidr(text: string): CIDR {
  const parsed = parseCIDR(text)
  return parsed.ok ? parsed.value : assert.fail(text)
}

/** A host that remembers what was done through it that could change something. */
interface Watched extends Host {
  readonly changed: string[]
  /** The command lines of all programs, which everyone on a node can read. */
  readonly arguments: string[]
  readonly written: { readonly path: string; readonly mode: number | undefined }[]
}

function watched(host: Host): Watched {
  const changed: string[] = []
  const commandLines: string[] = []
  const written: { readonly path: string; readonly mode: number | undefined }[] = []
  return {
    changed,
    arguments: commandLines,
    written,
    run: (command, args, options, signal) => {
      commandLines.push([command, ...args].join(' '))
      if (!args.some((word) => ['show', 'list'].includes(word))) changed.push([command, ...args, options.stdin ?? ''].join(' '))
      return host.run(command, args, options, signal)
    },
    start: (command, args, options) => {
      commandLines.push([command, ...args].join(' '))
      changed.push([command, ...args].join(' '))
      return host.start(command, args, options)
    },
    read: (path, signal) => host.read(path, signal),
    write: (path, content, options, signal) => {
      changed.push(`write ${path}`)
      written.push({ path, mode: options.mode })
      return host.write(path, content, options, signal)
    },
    remove: (path, signal) => {
      changed.push(`remove ${path}`)
      return host.remove(path, signal)
    },
    ask: (socket, request, until, signal) => {
      if (!request.startsWith('get=1')) changed.push(request)
      return host.ask(socket, request, until, signal)
    },
    connect: async (socket, signal) => {
      const stream = await host.connect(socket, signal)
      const write = stream.write.bind(stream)
      stream.write = (packet: Buffer) => {
        const command = packet[4] === 0 ? packet.toString('utf8', 6, 6 + (packet[5] ?? 0)) : ''
        if (!/^(list-.*|get-.*|version|initiate|)$/.test(command)) changed.push(command)
        return write(packet)
      }
      return stream
    },
  }
}
