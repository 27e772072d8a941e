/**
 * The tables as a page for readers: every key of every system, and what becomes of it.
 */
import type { Dialect } from "./Dialect.ts"
import { defaultIn, type Key } from "./Key.ts"

/** Markdown; a test keeps `docs/dialects.md` equal to it. */
export const toMarkdown = (dialects: ReadonlyArray<Dialect>): string =>
  [introduction(dialects), ...dialects.map(chapter)].join("\n\n").concat("\n")

const introduction = (dialects: ReadonlyArray<Dialect>): string => {
  const rows = dialects.map(({ spec: { form, id, keys, title, versions } }) => {
    const lostCount = keys.filter(isLost).length
    const link = `[${id}](#${anchorOf(`${title} ${versionsOf(versions)}`)})`
    return `| ${link} | ${title} | ${form} | ${keys.length - lostCount} | ${lostCount} |`
  })
  return `# Dialects: the pool settings of other systems

A client can start from the configuration of another system:

\`\`\`ts
import { createClient } from "@weir/fetch"
import { istio } from "@weir/dialects"

const client = createClient({ from: istio(text, { file: "rules.yaml" }), pool: { acquireTimeout: "2 seconds" } })
\`\`\`

What stands beside \`from\` wins over it. \`WeirHttpClient.layer({ from })\` does the same for Effect. A reading has the
\`config\`, the \`entries\` it is made of, each with the file and line it came from, the \`notes\` about them, and in
\`unmapped\` what is not carried over, why, and what to do. \`explain\` names the line too: *all 50 connections of the route
are in use (connectionsPerRouteMax 50, from ribbon.MaxConnectionsPerHost, application.yaml line 2)*.

\`\`\`
npx weir-config application.yaml                what it means, as a table with sources
npx weir-config --check rules.yaml              for CI: 1 if anything is wrong or not carried over
npx weir-config --to envoy rules.yaml           in the words of another system; what that lost, on stderr
npx weir-config --diff old.yaml new.yaml        what differs
\`\`\`

An empty configuration gives that system's own defaults, and none of Weir's: what a system has no setting for is
unlimited or off. Unknown keys, wrong types and combinations that the system refuses are errors with file and line.

| dialect | system | form | keys honoured | not honoured |
|---|---|---|---|---|
${rows.join("\n")}

Apache HttpClient 4.5 and 5, OkHttp, reactor-netty, Go's \`Transport\` and node's \`Agent\` run beside ours by the same
settings, and open, limit, refuse and keep alike: [the table](dialects-beside.md), which \`npm run dialects:beside\` prints.
This page is made from the tables that the dialects read by.`
}

const isLost = (key: Key): boolean => key.loss !== undefined

const versionsOf = (versions: ReadonlyArray<string>): string => versions.join(", ")

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, "")
    .replaceAll(" ", "-")

const chapter = ({ spec }: Dialect): string => {
  const knobs = typeof spec.always.knobs === "function" ? spec.always.knobs(spec.versions[0]) : spec.always.knobs
  const always = Object.entries(knobs).map(([knob, value]) => `\`${knob}\` ${String(value)}`)
  const prefix = spec.prefix === undefined ? "" : `Below \`${spec.prefix}\`. `
  const said = always.length === 0 ? "" : `Whatever is configured: ${always.join(", ")} (${spec.always.cite}).`
  return [
    `## ${spec.title} ${versionsOf(spec.versions)}`,
    "",
    ...(prefix === "" && said === "" ? [] : [`${prefix}${said}`.trim(), ""]),
    "| key | default | here | source |",
    "|---|---|---|---|",
    ...spec.keys.map((key) => row(key, spec.versions))
  ].join("\n")
}

const row = (key: Key, versions: ReadonlyArray<string>): string => {
  const since = key.versions === undefined ? "" : ` (${key.versions.join(", ")} only)`
  const names = [key.name, ...(key.aliases ?? [])].map((name) => `\`${name}\``).join(", ") + since
  return `| ${[names, defaultsOf(key, versions), fateOf(key), key.cite].map(cell).join(" | ")} |`
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ")

const defaultsOf = (key: Key, versions: ReadonlyArray<string>): string => {
  if (key.derive !== undefined) return "see source"
  const values = versions.map((version) => defaultIn(key, version))
  if (values.every((value) => value === undefined)) return ""
  const [first] = values
  if (values.every((value) => value === first)) return String(first)
  return versions.map((version, index) => `${String(values[index])} (${version})`).join(", ")
}

/** Mapped, mapped with a note, or not mapped and why. */
const fateOf = (key: Key): string => {
  const knobs = [key.to ?? []].flat().map((knob) => `\`${knob}\``)
  const sets = [knobs.join(", "), key.means ?? ""].filter((text) => text !== "").join("; ")
  const note = key.note === undefined ? "" : `Note: ${key.note}`
  if (key.loss === undefined) return [sets, note].filter((text) => text !== "").join(". ")
  const lost = `Not mapped: ${key.loss.why}; ${key.loss.todo}`
  return key.isHonoured === undefined ? lost : `${lost}. Nothing is lost where it says what holds here anyway`
}
