// A machine that cannot run the rig is told so by both README commands: one sentence with the remedy, exit code 2, nothing made.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { executable, goOf, goThatFetches, programNames } from './fakes.ts'

const root = join(import.meta.dirname, '../..')

/** Makes folders look empty, if they are there. */
const hide = (pattern: string): string => `for f in ${pattern}; do [ ! -d $f ] || mount -t tmpfs tmpfs $f; done`

/** A Go that builds nothing and says this instead: its words are Go's own. */
const goThatSays = (error: string, version = '1.26.8') => goOf(version, `echo "${error}" >&2; exit 1`)
const noNetwork = 'dial tcp 127.0.0.1:65000: connect: connection refused'

/** In /mnt, as $TOMBOLO_ASSETS has them: what remains to be made are the images. */
const givenPrograms = `mount -t tmpfs tmpfs /mnt && mkdir /mnt/bin && (cd /mnt/bin && touch ${programNames.join(' ')})`

/** A machine that has little more than a shell, and what we put in the place of other programs. */
const bare =
  'mount -t tmpfs tmpfs /mnt && for p in cat find flock sh timeout true unshare; do ln -s /usr/bin/$p /mnt; done && PATH=${PATH%%:*}:/mnt'

suite('set-up', function () {
  this.timeout(60_000)
  let folder: string
  let cache: string
  let bin: string
  setup(() => {
    folder = mkdtempSync(join(tmpdir(), 'tombolo-refusal-'))
    ;[cache, bin] = [join(folder, 'cache'), join(folder, 'bin')]
    for (const each of [cache, bin]) mkdirSync(each)
  })
  teardown(() => rmSync(folder, { recursive: true, force: true }))

  /** Runs a README command after `before`, in a mount namespace of its own, with an empty cache; then lists what is in the cache. */
  const refused = (program: string, before: string, preload: string, env: Readonly<Record<string, string>>) => {
    // A machine that is not refused would begin to build Kubernetes.
    const command = `timeout --signal=KILL 20 ${process.execPath} ${preload} hack/setup/bootstrap.mjs ${program}`
    const script = `mount --make-rprivate / && ${before} && code=0 && { ${command} || code=$?; } && find ${cache} -mindepth 1 -printf '%P\n' && exit $code`
    return spawnSync('/usr/bin/unshare', ['--mount', 'sh', '-ec', script], {
      cwd: root,
      encoding: 'utf8',
      env: {
        PATH: `${bin}:${join(process.execPath, '..')}:/usr/sbin:/usr/bin:/sbin:/bin`,
        HOME: folder,
        XDG_CACHE_HOME: cache,
        GOPROXY: 'http://127.0.0.1:65000',
        ...env,
      },
    })
  }

  /** To Node: this code before the program. */
  const first = (code: string): string => `--import 'data:text/javascript,${encodeURIComponent(code).replaceAll("'", '%27')}'`
  const notRoot = 'process.getuid = () => 1000'

  type Case = {
    readonly before?: string
    readonly preload?: string
    readonly env?: Readonly<Record<string, string>>
    /** Our own in the place of the machine's. */
    readonly programs?: Readonly<Record<string, string>>
    readonly says: RegExp
  }
  const cases: readonly (readonly [string, Case])[] = [
    [
      'a Node that is too old',
      {
        preload: "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '16.20.2' } })",
        says: /Node 16\.20\.2 is too old to start from: install Node 18 or later/,
      },
    ],
    ['a user who is not root', { preload: notRoot, says: /needs root: run the same command with sudo/ }],
    [
      'a system that is not Linux',
      {
        preload: "Object.defineProperty(process, 'platform', { value: 'darwin' })",
        says: /needs Linux.*this is darwin.*virtual machine/,
      },
    ],
    [
      'too little disk',
      { before: 'mount -t tmpfs -o size=64m tmpfs "$XDG_CACHE_HOME"', says: /building needs 8 GB: free some space/ },
    ],
    [
      'too little disk for images',
      {
        before: `${givenPrograms} && mount -t tmpfs -o size=64m tmpfs "$XDG_CACHE_HOME"`,
        env: { TOMBOLO_ASSETS: '/mnt' },
        says: /making images needs 2 GB: free some space/,
      },
    ],
    [
      'a disk that gets full while programs are built',
      {
        programs: { go: goThatSays('link: /tmp/go-build1/b001/exe/a.out: no space left on device') },
        says: /the disk is full \(link: .* no space left on device\): free some space, or set XDG_CACHE_HOME, GOCACHE and TMPDIR to/,
      },
    ],
    [
      'a disk that gets full while images are made',
      {
        // Of files, not of bytes: the next after the folder of what is being made.
        before: `${givenPrograms} && mount -t tmpfs -o size=4g,nr_inodes=5 tmpfs "$XDG_CACHE_HOME"`,
        env: { TOMBOLO_ASSETS: '/mnt' },
        says: /the disk is full \(ENOSPC: .*base-.*\): free some space, or set XDG_CACHE_HOME, GOCACHE and TMPDIR to/,
      },
    ],
    [
      'a disk that gets full while apt downloads',
      {
        before: givenPrograms,
        programs: { 'apt-get': `echo "E: You don't have enough free space in /var/cache/apt/archives/." >&2; exit 100` },
        env: { TOMBOLO_ASSETS: '/mnt' },
        says: /the disk is full \(E: You don't have enough free space in .*\): free some space/,
      },
    ],
    ['no namespaces', { programs: { unshare: 'exit 1' }, says: /does not let root make namespaces: run on a virtual machine/ }],
    [
      'no overlayfs',
      {
        before: 'mount --bind /dev/null /proc/filesystems',
        programs: { modprobe: 'exit 1' },
        says: /the kernel has no overlayfs.*: use a kernel with CONFIG_OVERLAY_FS/,
      },
    ],
    [
      'no packages and no apt-get',
      { before: bare, says: /openssl.* must be installed and there is no apt-get here: install them, or use Debian or Ubuntu/ },
    ],
    [
      'no packages and an apt-get that has none',
      {
        before: bare,
        programs: { 'apt-get': 'echo "E: Unable to locate package openssl" >&2; exit 100' },
        says: /apt-get could not install .*openssl.*: E: Unable to locate package openssl; check the network and apt's sources/,
      },
    ],
    [
      'no way to the packages of the images',
      {
        before: givenPrograms,
        programs: { 'apt-get': 'echo "E: Failed to fetch http://mirror.example/" >&2; exit 100' },
        env: { TOMBOLO_ASSETS: '/mnt' },
        says: /apt-get could not download the packages of the images: E: Failed to fetch .*; check the network and apt's sources/,
      },
    ],
    ['no /dev/net/tun', { before: 'mount -t tmpfs tmpfs /dev/net', says: /\/dev\/net\/tun.*load the tun module/ }],
    [
      'no Go and no way to bring one',
      {
        before: ['/usr/local/go', '/usr/lib/go-1.*', '/etc/apt', '/var/lib/apt/lists'].map(hide).join(' && '),
        says: /no Go here nor in the packages of this system: install Go/,
      },
    ],
    [
      'a Go and no way to the sources',
      {
        programs: { go: goThatSays(noNetwork) },
        says: /the Go module proxy cannot be reached: check the network or GOPROXY and run the same command again/,
      },
    ],
    [
      'a Go that is too old and no way to a newer one',
      {
        programs: { go: goThatSays(noNetwork, '1.19.8') },
        says: /the Go here is too old and cannot fetch a newer one: check the network/,
      },
    ],
    [
      'a Go that is too old, and another than its successor in its place',
      {
        programs: { go: goThatFetches('/nowhere', 'h1:other=') },
        says: /is not the one it should be \(h1:other=\): check GOPROXY and empty Go's cache of modules \(go clean -modcache\), or install Go/,
      },
    ],
    [
      'TOMBOLO_ASSETS without the programs',
      {
        env: { TOMBOLO_ASSETS: '/usr/share' },
        says: /TOMBOLO_ASSETS is \/usr\/share, but its bin\/ lacks .*kubelet.*: add them/,
      },
    ],
    [
      'TOMBOLO_IMAGE_ARCHIVE that is no archive',
      {
        env: { TOMBOLO_IMAGE_ARCHIVE: '/usr/share' },
        says: /TOMBOLO_IMAGE_ARCHIVE is \/usr\/share, which is no OCI archive: write one there/,
      },
    ],
    [
      'TOMBOLO_IMAGE_ARCHIVE with an image of another name',
      {
        before: `mount -t tmpfs tmpfs /mnt && echo '{"manifests":[]}' >/mnt/index.json && tar -C /mnt -cf /mnt/image.tar index.json`,
        env: { TOMBOLO_IMAGE_ARCHIVE: '/mnt/image.tar' },
        says: /TOMBOLO_IMAGE_ARCHIVE is \/mnt\/image\.tar, which holds no localhost\/tombolo:dev: name the image so/,
      },
    ],
  ]
  for (const [name, { before = 'true', preload: code = '', env = {}, programs = {}, says }] of cases)
    for (const program of ['hack/playground.ts', 'hack/test.ts'])
      test(`${program}: ${name} is one sentence with the remedy, and exit code 2`, () => {
        for (const [name, script] of Object.entries(programs)) executable(bin, name, script)
        const ran = refused(program, before, code === '' ? '' : first(code), env)
        assert.equal(ran.status, 2, ran.stderr)
        const said = ran.stderr
          .trim()
          .split('\n')
          .filter((line) => !line.startsWith('setup: '))
        assert.equal(said.length, 1, ran.stderr)
        assert.match(said[0] ?? '', says)
        // The lock, and the places where the first program and the first image would be.
        assert.deepEqual(
          ran.stdout.split('\n').filter((entry) => !/^(tombolo(\/set-up.lock|\/assets|\/images)?)?$/.test(entry)),
          [],
        )
      })

  test('hack/conformance.ts wants root for clusters of its own, and not for those of others', () => {
    const ran = (...args: readonly string[]) => refused(['hack/conformance.ts', ...args].join(' '), 'true', first(notRoot), {})
    assert.match(ran('--suite', '/nowhere').stderr, /needs root: run the same command with sudo/)
    assert.match(ran('--suite', '/nowhere', '--contexts=east,west').stderr, /There is no \/nowhere/)
  })
})
