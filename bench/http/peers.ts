/**
 * The clients that Weir is compared with: those of the runtime, undici, and Effect's own `HttpClient` on them.
 */
import { Agent, request as httpRequest } from "node:http"
import { FetchHttpClient } from "effect/http"
import { runtime } from "../harness.ts"
import { promiseCaller, type Way } from "./Caller.ts"
import { effectWays } from "./effectWays.ts"
import { readResponse } from "./readResponse.ts"
import { check, urlOf, type Work } from "./works.ts"

/** `fetch` as the runtime comes, with its own pool and that one's limits. */
const globalFetch: Way = {
  name: "fetch",
  open: (work, port, connectionCount) => {
    const url = urlOf(work, port)
    const init = work.body === undefined ? {} : { method: work.method, body: new Uint8Array(work.body) }
    return promiseCaller(connectionCount, async () => readResponse(await fetch(url, init), work))
  }
}

const callNode = (agent: Agent, work: Work, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const { body, method, path } = work
    const headers = body === undefined ? {} : { "content-length": body.length }
    httpRequest({ host: "127.0.0.1", port, path, method, headers, agent }, (response) => {
      let text = ""
      let byteCount = 0
      const pieces: Array<Buffer> = []
      if (work.reading === "text") response.setEncoding("utf8")
      response.on("data", (chunk: string | Buffer) => {
        byteCount += chunk.length
        if (typeof chunk === "string") text += chunk
        else if (work.reading === "bytes") pieces.push(chunk)
      })
      response.on("end", () => {
        if (work.reading === "text") byteCount = text.length
        if (work.reading === "bytes") byteCount = Buffer.concat(pieces).length
        check(work, byteCount)
        resolve()
      })
    })
      .on("error", reject)
      .end(body)
  })

const nodeHttp: Way = {
  name: "node:http",
  open: (work, port, connectionCount) => {
    const agent = new Agent({ keepAlive: true, maxSockets: connectionCount })
    return promiseCaller(connectionCount, () => callNode(agent, work, port))
  }
}

/** Those of this runtime. */
export const peers = async (): Promise<ReadonlyArray<Way>> =>
  runtime === "node"
    ? [globalFetch, nodeHttp, ...(await import("./undici.ts")).undiciWays]
    : [globalFetch, ...effectWays("effect fetch", FetchHttpClient.layer)]
