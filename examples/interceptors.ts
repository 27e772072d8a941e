/**
 * Code of your own around each request: one signs what is sent, another measures how it went, a third answers from a
 * cache. The first of the list is the outermost.
 */
import { createHash } from "node:crypto"
import { answerWith, createClient, type Interceptor } from "@weir/fetch"

const url = process.argv[2] ?? "http://127.0.0.1:8080/env"

const signed: Interceptor = (request, next) => {
  request.headers.set("x-signature", createHash("sha256").update(`${request.method} ${request.url}`).digest("hex"))
  return next(request)
}

const kept = new Map<string, string>()
const cached: Interceptor = async (request, next) => {
  const { href } = request.url
  const body = kept.get(href)
  if (body !== undefined) return answerWith({ status: 200, headers: { "x-from": "cache" }, body })
  const text = await (await next(request)).text()
  kept.set(href, text)
  return answerWith({ status: 200, body: text })
}

await using client = createClient({ interceptors: [cached, signed] })
for (let count = 0; count < 2; count++) {
  const answer = await client.request(url, {
    onTiming: ({ connect, isReused }) => console.log(isReused ? "reused" : `dialled, ${Object.keys(connect ?? {})}`)
  })
  console.log(answer.header("x-from") ?? "server", await answer.text())
}
