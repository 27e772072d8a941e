/**
 * A program for tests that count this process's own descriptors: a peer elsewhere, that closes when the other side does.
 *
 * It listens twice on 127.0.0.1, in plain text and with the TLS identity in its environment (`CHAIN`, `KEY`), and prints
 * both ports in one line of JSON.
 */
import { createServer, type Server, type Socket } from "node:net"
import { createServer as createTlsServer } from "node:tls"

const serve = (socket: Socket) => {
  socket.on("error", () => socket.destroy())
  socket.resume()
}

const listen = (server: Server) =>
  new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const bound = server.address()
      resolve(bound === null || typeof bound === "string" ? 0 : bound.port)
    })
  })

const { CHAIN: cert = "", KEY: key = "" } = process.env
const ports = [await listen(createServer(serve)), await listen(createTlsServer({ cert, key }, serve))]
console.log(JSON.stringify(ports))
