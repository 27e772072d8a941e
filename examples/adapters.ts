/**
 * One pool under everything: a library on node:http's agents, the runtime's own fetch, and calls of your own.
 */
import { get } from "node:http"
import { createAgents, createDispatcher } from "@weir/adapters"
import { createClient } from "@weir/fetch"

const url = process.argv[2] ?? "http://127.0.0.1:8080/env"
await using client = createClient({ pool: { connectionsPerRouteMax: 1 } })

// As axios, got, node-fetch and the AWS SDK use an agent.
const byAgent = await new Promise<string>((resolve, reject) => {
  get(url, { agent: createAgents(client).http }, (answer) => {
    let text = ""
    answer.setEncoding("utf8")
    answer.on("data", (chunk: string) => {
      text += chunk
    })
    answer.on("end", () => resolve(text))
  }).on("error", reject)
})
const byFetch = await (await fetch(url, Object.assign({ dispatcher: createDispatcher(client) }))).text()
const byClient = await (await client.request(url)).text()

console.log(byAgent, byFetch, byClient, client.stats().createdCount)
