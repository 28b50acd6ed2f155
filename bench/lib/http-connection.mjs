// One HTTP/1.1 keep-alive connection with one request in flight, over `node:net`: hand-built requests in,
// whole answers out. Costs a few microseconds per exchange, so that one core of generator can drive one core of server.
// Promises: every `send` ends in exactly one `onAnswer` or `onLost`; a connection the server closed between two
// requests is opened anew. Leaves the meaning of an answer to its user.

import { connect } from 'node:net'

// All sockets of this process read into one buffer: a chunk is copied to a string before the next read.
const shared = Buffer.allocUnsafe(64 * 1024)

const lengthHeader = /\r\ncontent-length: *(\d+)/i
const chunkedHeader = /\r\ntransfer-encoding: *chunked/i
const closeHeader = /\r\nconnection: *close/i

/** The value of a header in the head of an answer, or undefined. */
export function headerOf(head, name) {
  return new RegExp(`\\r\\n${name}: *([^\\r]*)`, 'i').exec(head)?.[1]
}

/** Reads a chunked body that starts at `from`; undefined while it is incomplete. Trailers are not supported. */
function chunked(text, from) {
  let body = ''
  let at = from
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const size = parseInt(text.slice(at, lineEnd), 16)
    const start = lineEnd + 2
    if (text.length < start + size + 2) return undefined
    if (size === 0) return { body, end: start + 2 }
    body += text.slice(start, start + size)
    at = start + size + 2
  }
}

export class Wire {
  #target
  #onAnswer
  #onLost
  #socket
  #held = ''
  #busy = false
  #streaming = false
  #onHead

  /**
   * @param target `{ host, port, localAddress? }`
   * @param onAnswer called with (status, head, body) for each answer
   * @param onLost called with a reason when a request ends without an answer
   */
  constructor(target, onAnswer, onLost) {
    this.#target = target
    this.#onAnswer = onAnswer
    this.#onLost = onLost
  }

  /** Opens the connection; resolves when it stands, rejects when it cannot. */
  open() {
    return new Promise((resolve, reject) => {
      const { host, port, localAddress } = this.#target
      const socket = connect({
        host,
        port,
        localAddress,
        noDelay: true,
        onread: { buffer: shared, callback: (length, buffer) => this.#read(buffer.latin1Slice(0, length)) },
      })
      this.#socket = socket
      socket.once('connect', resolve)
      socket.on('error', reject)
      socket.on('close', () => this.#closed(socket))
    })
  }

  get isOpen() {
    return this.#socket !== undefined && !this.#socket.destroyed && this.#socket.writable
  }

  /** Sends one request; the connection is opened when it does not stand. */
  send(text) {
    this.#busy = true
    if (this.isOpen) this.#socket.write(text, 'latin1')
    else
      this.open().then(
        () => this.#socket.write(text, 'latin1'),
        (error) => this.#lost(error.code ?? error.message),
      )
  }

  /** Sends one request and resolves to its answer `{ status, head, body }`; `onAnswer` and `onLost` do not see it. */
  async exchange(text) {
    const [onAnswer, onLost] = [this.#onAnswer, this.#onLost]
    try {
      return await new Promise((resolve, reject) => {
        this.#onAnswer = (status, head, body) => resolve({ status, head, body })
        this.#onLost = (reason) => reject(new Error(reason))
        this.send(text)
      })
    } finally {
      this.#onAnswer = onAnswer
      this.#onLost = onLost
    }
  }

  /** Sends one request whose answer is an endless stream: resolves to the status once the head is there, drops the rest. */
  hold(text) {
    return new Promise((resolve, reject) => {
      this.#onHead = resolve
      this.#onLost = (reason) => reject(new Error(reason))
      this.send(text)
    })
  }

  close() {
    this.#busy = false
    this.#socket?.destroy()
  }

  #lost(reason) {
    if (!this.#busy) return
    this.#busy = false
    this.#onLost(reason)
  }

  #closed(socket) {
    if (socket !== this.#socket) return
    this.#held = ''
    this.#streaming = false
    this.#lost('closed')
  }

  #read(chunk) {
    if (this.#streaming) return true
    const text = this.#held === '' ? chunk : this.#held + chunk
    const headEnd = text.indexOf('\r\n\r\n')
    if (headEnd === -1) {
      this.#held = text
      return true
    }
    const head = text.slice(0, headEnd)
    const status = +head.slice(9, 12)
    if (this.#onHead !== undefined) {
      const onHead = this.#onHead
      this.#onHead = undefined
      this.#streaming = status === 200
      this.#busy = false
      this.#held = ''
      onHead(status)
      return true
    }
    const body = this.#body(text, head, headEnd + 4)
    if (body === undefined) {
      this.#held = text
      return true
    }
    this.#held = ''
    this.#busy = false
    if (closeHeader.test(head)) this.#socket.destroy()
    this.#onAnswer(status, head, body)
    return true
  }

  #body(text, head, from) {
    const length = lengthHeader.exec(head)
    if (length !== null) {
      const end = from + +length[1]
      return text.length < end ? undefined : text.slice(from, end)
    }
    if (chunkedHeader.test(head)) return chunked(text, from)?.body
    return ''
  }
}
