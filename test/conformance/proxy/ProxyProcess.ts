/**
 * An honest proxy, a program for Node whatever runtime is under test: CONNECT or SOCKS5, with or without credentials and
 * TLS. Its argument says which; each line it prints is its port (the first) or what a client asked for. What it relays keeps
 * its form: an end stays an end and a reset a reset, both ways. It ends with its standard input.
 */
import { connect, createServer, type Socket } from "node:net"
import { createServer as createTlsServer, TLSSocket } from "node:tls"
import type { Asked, ProxyOptions } from "./Protocol.ts"

const options: ProxyOptions = JSON.parse(process.argv[2] ?? "{}")
const { credentials, protocol, tls } = options

const tell = (line: number | Asked): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** Reads pieces of what a client sends, each as long as its sender says. */
class Pieces {
  readonly #socket: Socket
  #kept = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.#socket = socket
  }

  async bytes(count: number): Promise<Buffer> {
    while (this.#kept.length < count) await this.#more()
    const taken = this.#kept.subarray(0, count)
    this.#kept = this.#kept.subarray(count)
    return taken
  }

  async head(): Promise<string> {
    while (!this.#kept.includes("\r\n\r\n")) await this.#more()
    return (await this.bytes(this.#kept.indexOf("\r\n\r\n") + 4)).toString("latin1")
  }

  #more(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once("close", reject)
      this.#socket.once("data", (chunk: Buffer) => {
        this.#socket.pause()
        this.#kept = Buffer.concat([this.#kept, chunk])
        this.#socket.off("close", reject)
        resolve()
      })
      this.#socket.resume()
    })
  }
}

const open = (host: string, port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const upstream = connect({ host, port, allowHalfOpen: true, noDelay: true, autoSelectFamily: true })
    upstream.once("connect", () => resolve(upstream)).once("error", reject)
  })

const relay = (client: Socket, upstream: Socket): void => {
  for (const [from, to] of [
    [client, upstream],
    [upstream, client]
  ] as const) {
    // Node resets no TLS socket; there a missing close_notify tells.
    from.on("error", () => (to instanceof TLSSocket ? to.destroy() : to.resetAndDestroy()))
    from.pipe(to)
  }
}

const byHttp = async (client: Socket): Promise<void> => {
  const head = await new Pieces(client).head()
  const authority = /^CONNECT (\S+):([0-9]+) HTTP\/1\.1\r\n/.exec(head)
  const authorization = /^proxy-authorization: (.*)\r$/im.exec(head)?.[1]
  const [, host = "", port = ""] = authority ?? []
  tell({ host, port: Number(port), ...(authorization === undefined ? {} : { authorization }) })
  const expected = credentials === undefined ? undefined : `Basic ${btoa(credentials)}`
  if (authorization !== expected) {
    client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="test"\r\n\r\nno')
    return
  }
  try {
    const upstream = await open(host.replace(/^\[|\]$/g, ""), Number(port))
    client.write("HTTP/1.1 200 Connection established\r\n\r\n")
    relay(client, upstream)
  } catch {
    client.end("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
  }
}

const hostOf = async (pieces: Pieces, type: number | undefined): Promise<string> => {
  if (type === 1) return Array.from(await pieces.bytes(4)).join(".")
  if (type === 3) return (await pieces.bytes((await pieces.bytes(1))[0] ?? 0)).toString()
  const address = await pieces.bytes(16)
  return Array.from({ length: 8 }, (_, index) => address.readUInt16BE(index * 2).toString(16)).join(":")
}

const bySocks5 = async (client: Socket): Promise<void> => {
  const pieces = new Pieces(client)
  const methods = await pieces.bytes((await pieces.bytes(2))[1] ?? 0)
  const method = credentials === undefined ? 0 : 2
  if (!methods.includes(method)) {
    client.end(Buffer.from([5, 0xff]))
    return
  }
  client.write(Buffer.from([5, method]))
  if (credentials !== undefined) {
    const name = await pieces.bytes((await pieces.bytes(2))[1] ?? 0)
    const password = await pieces.bytes((await pieces.bytes(1))[0] ?? 0)
    const isRight = `${name}:${password}` === credentials
    client.write(Buffer.from([1, isRight ? 0 : 1]))
    if (!isRight) {
      client.end()
      return
    }
  }
  const host = await hostOf(pieces, (await pieces.bytes(4))[3])
  const port = (await pieces.bytes(2)).readUInt16BE(0)
  tell({ host, port })
  try {
    const upstream = await open(host, port)
    client.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 80]))
    relay(client, upstream)
  } catch {
    client.end(Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0]))
  }
}

const serve = (client: Socket): void => {
  // One that goes away while it is listened to is no news.
  client.on("error", () => {})
  const served = protocol === "http" ? byHttp(client) : bySocks5(client)
  served.catch(() => client.destroy())
}

const settings = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true }
const server =
  tls === undefined
    ? createServer(settings, serve)
    : createTlsServer({ ...settings, cert: tls.cert, key: tls.key }, serve)
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  tell(address === null || typeof address === "string" ? 0 : address.port)
})
process.stdin.resume().once("end", () => process.exit())
