/**
 * A server of plain node:http for what nginx cannot be told: to answer late, and to be killed and started again on the
 * same port. `node server.ts PORT DELAY_MILLIS`.
 */
import { createServer } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"

const [port = "0", delayMillis = "0"] = process.argv.slice(2)

const server = createServer(async (_, response) => {
  if (delayMillis !== "0") await sleep(Number(delayMillis))
  response.end("forty-one bytes of an answer, no more, ok")
})
server.keepAliveTimeout = 3_600_000
server.maxConnections = 10_000
server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 }, () => {
  const bound = server.address()
  console.log(typeof bound === "object" ? bound?.port : bound)
})
