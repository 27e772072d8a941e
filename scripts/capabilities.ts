/**
 * What each socket layer can do, as its code says it: `node scripts/capabilities.ts` writes docs/capabilities.md, which a
 * suite compares with the code. `test/conformance` tries each ability on its runtime.
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { BunConnector, capabilityNotes as bunNotes } from "@weir/bun"
import { DenoConnector, capabilityNotes as denoNotes } from "@weir/deno"
import { NodeConnector } from "@weir/node"
import { Effect } from "effect"

/** What an ability is, for who looks it up. A new one stands under its own name until it has a line here. */
const wording: Readonly<Record<string, string>> = {
  unixSockets: "Unix sockets",
  tls: "TLS",
  serverName: "SNI that differs from the host dialled",
  clientCertificates: "client certificates",
  unverifiedTls: "TLS without verification, asked for by name",
  sessionResumption: "resuming TLS sessions",
  localAddress: "connecting from a given local address",
  reset: "closing with RST",
  unref: "connections that do not keep the process alive",
  proxies: "tunnels through HTTP and SOCKS5 proxies",
  tlsInTls: "TLS in the tunnel of a proxy that is itself spoken to by TLS"
}

interface Layer {
  readonly title: string
  readonly capabilities: Readonly<Record<string, boolean>>
  readonly notes: Readonly<Record<string, string>>
}

const layers: ReadonlyArray<Layer> = [
  { title: "Node", capabilities: { ...Effect.runSync(NodeConnector.make()).capabilities }, notes: {} },
  { title: "Bun", capabilities: { ...Effect.runSync(BunConnector.make()).capabilities }, notes: { ...bunNotes } },
  { title: "Deno", capabilities: { ...Effect.runSync(DenoConnector.make()).capabilities }, notes: { ...denoNotes } }
]

const cellOf = ({ capabilities, notes }: Layer, ability: string): string => {
  const note = notes[ability]
  if (capabilities[ability] === true) return note === undefined ? "yes" : `yes, ${note}`
  return `no: ${note ?? "fails with `Unsupported`, whose message says what to do instead"}`
}

/** The page, as the code is now. */
export const capabilitiesPage = (): string => {
  const abilities = [...new Set(layers.flatMap(({ capabilities }) => Object.keys(capabilities)))]
  const rows = abilities.map((ability) => [
    `${wording[ability] ?? ability} (\`${ability}\`)`,
    ...layers.map((layer) => cellOf(layer, ability))
  ])
  return `# What each socket layer can do

Written by \`node scripts/capabilities.ts\` from the layers' \`capabilities\` and \`capabilityNotes\`. Where a cell says no, it
says what happens instead; what cannot be done at all fails with reason \`Unsupported\`, never silently.
\`test/conformance\` tries each ability on its runtime; [conformance.md](conformance.md) has the behaviours.

${[["", ...layers.map(({ title }) => title)], ["---", ...layers.map(() => "---")], ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n")}
`
}

if (import.meta.main) {
  writeFileSync(fileURLToPath(new URL("../docs/capabilities.md", import.meta.url)), capabilitiesPage())
}
