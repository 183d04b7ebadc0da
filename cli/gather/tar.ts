// A tar archive of small text files, compressed: POSIX ustar, as every tar reads it. Node has gzip and no tar.
import { gzipSync } from 'node:zlib'

export type File = { readonly path: string; readonly text: string }

const BLOCK = 512

/** `modified` in whole seconds of every file, so that the same input is the same archive. Paths of at most 255 bytes. */
export function tarball(files: readonly File[], modified: Date): Buffer {
  const blocks = files.flatMap(({ path, text }) => {
    const body = Buffer.from(text)
    return [header(path, body.length, modified), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]
  })
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]))
}

function header(path: string, size: number, modified: Date): Buffer {
  const block = Buffer.alloc(BLOCK)
  const [prefix, name] = split(path)
  const number = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`
  block.write(name, 0)
  block.write(number(0o600, 7), 100)
  block.write(number(0, 7), 108)
  block.write(number(0, 7), 116)
  block.write(number(size, 11), 124)
  block.write(number(Math.floor(modified.getTime() / 1000), 11), 136)
  block.write('        ', 148)
  block.write('0', 156)
  block.write('ustar\x0000', 257)
  block.write(prefix, 345)
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  return block
}

/** 100 bytes of name, 155 of what stands before it, divided at a slash. */
function split(path: string): readonly [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ['', path]
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)]
    if (Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155) return [prefix, name]
  }
  throw new Error(`a path too long for an archive: ${path}`)
}
