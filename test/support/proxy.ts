/** A wire that can be cut: passes bytes on to a port, and breaks every connection when it is told to. */
import { createServer, connect, type Socket } from 'node:net'

export interface Wire {
  readonly port: number
  /** Connections that were made so far. */
  readonly made: number
  /** Breaks what is connected. While `isDown`, every connection is refused. */
  cut(isDown?: boolean): void
  /** Lets connections through again. */
  mend(): void
  end(): Promise<void>
}

/** Opens a wire to a port of this machine. */
export async function openWire(to: number): Promise<Wire> {
  const open = new Set<Socket>()
  let [made, isDown] = [0, false]
  const server = createServer((near) => {
    if (isDown) {
      near.destroy()
      return
    }
    made++
    const far = connect(to, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    get made() {
      return made
    },
    cut(down = false) {
      isDown = down
      for (const socket of open) socket.destroy()
    },
    mend() {
      isDown = false
    },
    async end() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
