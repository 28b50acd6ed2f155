/** Frames of HTTP/2 as bytes: for what no proper client sends, and for one that does not read. [RFC 9113, 4 and 6] */

export const frameTypes: Readonly<
  Record<'data' | 'headers' | 'settings' | 'ping' | 'goaway' | 'window' | 'continuation', number>
> = { data: 0, headers: 1, settings: 4, ping: 6, goaway: 7, window: 8, continuation: 9 }

const endHeaders = 4
const endStream = 1

export function frame(type: keyof typeof frameTypes, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = frameTypes[type]
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** What a client begins with. */
export function opening(settings: Readonly<Record<number, number>> = {}): Buffer {
  const pairs = Object.entries(settings).map(([id, value]) => {
    const pair = Buffer.alloc(6)
    pair.writeUInt16BE(Number(id), 0)
    pair.writeUInt32BE(value, 2)
    return pair
  })
  return Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame('settings', 0, 0, Buffer.concat(pairs))])
}

/** Lets the server send so many more bytes, on one stream or (0) on the connection. */
export function windowUpdate(stream: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(bytes, 0)
  return frame('window', 0, stream, payload)
}

/** A field as a literal that no table remembers. [RFC 7541, 6.2.2] */
export function field(name: string, value: string): Buffer {
  const text = (chars: string): Buffer => {
    const bytes = Buffer.from(chars, 'latin1')
    if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
    const rest: number[] = [127]
    let left = bytes.length - 127
    for (; left > 127; left = Math.floor(left / 128)) rest.push((left % 128) + 128)
    return Buffer.concat([Buffer.from([...rest, left]), bytes])
  }
  return Buffer.concat([Buffer.from([0]), text(name), text(value)])
}

/** A whole request without a body. */
export function request(stream: number, headers: Readonly<Record<string, string>>): Buffer {
  const fields = Object.entries({ ':scheme': 'http', ':authority': 'localhost', ...headers })
  const block = Buffer.concat(fields.map(([name, value]) => field(name, value)))
  return frame('headers', endHeaders + endStream, stream, block)
}

/** The code of the last GOAWAY among whole frames. */
export function goawayIn(bytes: Buffer): number | undefined {
  let code: number | undefined
  for (let at = 0; at + 9 <= bytes.length;) {
    if (bytes[at + 3] === frameTypes.goaway && at + 17 <= bytes.length) code = bytes.readUInt32BE(at + 13)
    at += 9 + bytes.readUIntBE(at, 3)
  }
  return code
}
