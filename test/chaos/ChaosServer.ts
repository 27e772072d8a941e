/**
 * One server of the farm, in a process of its own so that it can be stopped, killed and started again:
 * `node ChaosServer.ts PORT SEED [TLS_DIRECTORY]`.
 *
 * It answers `/NUMBER` with that number in a header and in the body. Told `storm` on standard input, it spoils one answer
 * in six and one connection in twelve, each in one of many ways; told `calm`, none; told `slow MILLIS`, it answers after
 * so long. Told `wrong certificate`, it shows new connections one that nobody can trust, until it is told `right
 * certificate`. Every POST that it has received whole is written to standard output, by
 * a synchronous write, before anything else is done with it: what it carried out is known even if it is killed.
 */
import { readFileSync, writeSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createTlsServer } from "node:https"
import { createServer as createTcpServer, type Socket } from "node:net"
import { join } from "node:path"
import { createInterface } from "node:readline"
// Not the whole test kit: a server is started again every other second.
import { Chance } from "@weir/testkit/Chance"
import { bodyOfAnswer, type FarmWord, longBodyOfAnswer, numberHeader } from "./Protocol.ts"

const [port = "0", seed = "1", tlsDirectory] = process.argv.slice(2)
const chance = new Chance(Number(seed))
let isStorming = false
let isCertificateWrong = false
let slowMillis = 0

const say = (word: FarmWord): void => {
  writeSync(1, `${JSON.stringify(word)}\n`)
}

const listener = (request: IncomingMessage, response: ServerResponse): void => {
  request.resume()
  request.on("end", () => {
    const [target = "", query] = request.url?.split("?") ?? []
    const number = Number(target.slice(1))
    if (request.method === "POST") say({ number })
    const body = query === "long" ? longBodyOfAnswer(number) : bodyOfAnswer(number)
    if (isStorming && chance.below(6) === 0) spoil(number, body, response)
    else if (slowMillis > 0) setTimeout(() => answer(number, body, response), slowMillis)
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

/** What it serves a connection by: HTTP, perhaps over TLS. */
const identity = (name: string) => ({
  cert: readFileSync(join(tlsDirectory ?? "", `${name}.pem`)),
  key: readFileSync(join(tlsDirectory ?? "", `${name}.key`))
})
const served = tlsDirectory === undefined ? createServer(listener) : createTlsServer(identity("right"), listener)
/** Whoever gets an answer from here has trusted the wrong one. */
const distrusted =
  tlsDirectory === undefined
    ? undefined
    : createTlsServer(identity("wrong"), (request, response) => {
        request.resume()
        response.writeHead(200, { [numberHeader]: "nobody, for it trusted a certificate that it must not" }).end()
      })
for (const server of [served, distrusted]) {
  if (server === undefined) continue
  server.keepAliveTimeout = 60_000
  server.on("tlsClientError", () => {})
  server.on("clientError", (_, socket) => socket.destroy())
}

/** Ways to greet a connection that come to nothing. */
const rebuffs: ReadonlyArray<readonly [name: string, rebuff: (socket: Socket) => void]> = [
  ["connection reset at once", reset],
  // Until the client gives up.
  ["silence from the start", (socket) => socket.resume()],
  // The beginning of a ServerHello, which is nothing to a client without TLS either.
  [
    "handshake cut off",
    (socket) => {
      socket.once("data", () => socket.end(Buffer.from([22, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3])))
    }
  ]
]

const server = createTcpServer({ noDelay: true }, (socket) => {
  socket.on("error", () => {})
  const [name, rebuff] = (isStorming ? rebuffs[chance.below(12 * rebuffs.length)] : undefined) ?? []
  if (name !== undefined && rebuff !== undefined) {
    say({ fault: name })
    rebuff(socket)
  } else if (isCertificateWrong) distrusted?.emit("connection", socket)
  else served.emit("connection", socket)
})

createInterface({ input: process.stdin })
  .on("line", (line) => {
    if (line.endsWith("certificate")) isCertificateWrong = line.startsWith("wrong")
    else {
      isStorming = line === "storm"
      slowMillis = line.startsWith("slow ") ? Number(line.slice("slow ".length)) : 0
    }
  })
  .on("close", () => process.exit())

// A short backlog can be filled while the process is stopped: then connects hang.
server.listen({ port: Number(port), host: "0.0.0.0", backlog: 8 }, () => writeSync(1, "listening\n"))
