/**
 * One server of the farm, in a process of its own so that it can be stopped, killed and started again:
 * `node ChaosServer.ts PORT SEED [CHAIN_PATH KEY_PATH]`.
 *
 * It answers `/NUMBER` with that number in a header and in the body. Told `storm` on standard input, it spoils one answer
 * in six in one of many ways; told `calm`, none. Every POST that it has received whole is written to standard output, by
 * a synchronous write, before anything else is done with it: what it carried out is known even if it is killed.
 */
import { readFileSync, writeSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { Socket } from "node:net"
import { createInterface } from "node:readline"
import { Chance } from "@weir/testkit"
import { bodyOfAnswer, numberHeader } from "./Protocol.ts"

const [port = "0", seed = "1", chainPath, keyPath] = process.argv.slice(2)
const chance = new Chance(Number(seed))
let isStorming = false

const listener = (request: IncomingMessage, response: ServerResponse): void => {
  let byteCount = 0
  request.on("data", (piece: Uint8Array) => {
    byteCount += piece.length
  })
  request.on("end", () => {
    const number = Number(request.url?.slice(1))
    if (request.method === "POST") writeSync(1, `${JSON.stringify({ number, byteCount })}\n`)
    const body = bodyOfAnswer(number)
    if (isStorming && chance.below(6) === 0) spoil(number, body, response)
    else answer(number, body, response)
  })
  // A caller that goes away in the middle is no fault of the server.
  request.on("error", () => {})
  response.on("error", () => {})
}

const answer = (number: number, body: string, response: ServerResponse): void => {
  response.writeHead(200, { [numberHeader]: number, "content-length": Buffer.byteLength(body) }).end(body)
}

/** With a reset, where the connection is plain: one with TLS can only be dropped. */
const reset = (socket: Socket | null): void => {
  if (socket !== null && "encrypted" in socket) socket.destroy()
  else socket?.resetAndDestroy()
}

/** Ways to fail, each as likely. */
const spoilers: ReadonlyArray<(number: number, body: string, response: ServerResponse) => void> = [
  // It never answers.
  () => {},
  // It ends before the head, with a reset or an end.
  (_, __, { socket }) => reset(socket),
  (_, __, { socket }) => socket?.end(),
  // A reset somewhere in head or body.
  (number, body, { socket }) => {
    const text = `HTTP/1.1 200 OK\r\n${numberHeader}: ${number}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    socket?.write(text.slice(0, 1 + chance.below(text.length - 1)), () => reset(socket))
  },
  // Half a body, and an end.
  (number, body, response) => {
    response.writeHead(200, { [numberHeader]: number, "content-length": body.length })
    response.write(body.slice(0, body.length / 2), () => response.socket?.end())
  },
  // Something that is not HTTP.
  (_, __, { socket }) => socket?.end("what? \u0000\u0001 no.\r\n\r\n"),
  // A whole answer, and more than asked for. What follows is not HTTP: a second answer that comes just as the next request
  // has been sent is that request's answer to any client, for HTTP/1.1 has no other way to tell.
  (number, body, response) => {
    const { socket } = response
    answer(number, body, response)
    socket?.write("and more")
  },
  // A whole answer, and soon after the end of a connection that was said to be kept.
  (number, body, response) => {
    const { socket } = response
    answer(number, body, response)
    setTimeout(() => socket?.end(), chance.below(40))
  },
  // Drop by drop.
  (number, body, response) => {
    response.writeHead(200, { [numberHeader]: number, "content-length": body.length })
    let sent = 0
    const drip = (): void => {
      if (response.destroyed) return
      if (sent >= body.length) {
        response.end()
        return
      }
      response.write(body.slice(sent, sent + 500))
      sent += 500
      setTimeout(drip, chance.below(20))
    }
    drip()
  },
  // It stalls in the middle of the body.
  (number, body, response) => {
    response.writeHead(200, { [numberHeader]: number, "content-length": body.length })
    response.write(body.slice(0, body.length / 2))
  },
  // It is slow.
  (number, body, response) => {
    setTimeout(() => answer(number, body, response), chance.below(300))
  },
  // The head is announced by others.
  (number, body, response) => {
    response.writeEarlyHints({ link: "</a>; rel=preload" })
    answer(number, body, response)
  }
]

const spoil: (typeof spoilers)[number] = (number, body, response) =>
  spoilers[chance.below(spoilers.length)]?.(number, body, response)

const server =
  chainPath === undefined || keyPath === undefined
    ? createServer(listener)
    : createTlsServer({ cert: readFileSync(chainPath), key: readFileSync(keyPath) }, listener)
server.keepAliveTimeout = 60_000
server.on("connection", (socket) => {
  socket.on("error", () => {})
  if (isStorming && chance.below(25) === 0) reset(socket)
})
server.on("tlsClientError", () => {})
server.on("clientError", (_, socket) => socket.destroy())

createInterface({ input: process.stdin })
  .on("line", (line) => {
    isStorming = line === "storm"
  })
  .on("close", () => process.exit())

// A short backlog fills while the process is stopped: then connects hang.
server.listen({ port: Number(port), host: "0.0.0.0", backlog: 8 }, () => writeSync(1, "listening\n"))
