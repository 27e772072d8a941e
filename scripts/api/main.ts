/**
 * Writes the reference of every package into docs/api, from the doc blocks: `npm run docs:api`. With `--check` it writes
 * nothing, and exits with 1 if what stands there is not what it would write.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { type PublicName, readDeclaration, readPublicApi } from "./PublicApi.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const target = join(root, "docs", "api")

interface Manifest {
  readonly name: string
  readonly description: string
  readonly private?: boolean
  readonly exports: Readonly<Record<string, string | object | null>>
}

const anchorOf = (name: string): string => name.toLowerCase().replaceAll(".", "")

/** A declaration as users need it: what it is called and what its type is. */
const shownCode = (code: string): string =>
  code.replace(/^export (declare )?/gm, "").replace(/^(\s*)private readonly #?\w+;?\n/gm, "")

/**
 * Schemas whose fields are told of in files of their own: a declaration repeats the types of such fields, and not what
 * they mean.
 */
const knobs: ReadonlyMap<string, ReadonlyArray<string>> = new Map([["PoolConfig", ["routeFields", "poolFields"]]])

/** Every field of a declared object that has a doc block, with what it says. */
const fieldTable = (code: string): string => {
  const rows = Array.from(
    code.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*readonly (\w+)\??:/g),
    ([, doc = "", field = ""]) =>
      `| \`${field}\` | ${doc
        .replace(/\s*\n\s*\*?\s*/g, " ")
        .trim()
        .replaceAll("|", "\\|")} |`
  )
  return `| | |\n|---|---|\n${rows.join("\n")}\n`
}

const sectionOf = ({ code, doc, from, name, path }: PublicName): string => {
  if (from !== undefined) {
    // `@weir/node/sockets` stands on the page of its package.
    const page = /^@weir\/([^/]+)/.exec(from)?.[1]
    const origin = page === undefined ? `\`${from}\`` : `[\`${from}\`](${page}.md#${anchorOf(name)})`
    return `### ${name}

From ${origin}.
`
  }
  const fields = knobs.get(name)
  if (fields !== undefined) {
    const tables = fields.map((field) => fieldTable(readDeclaration(path, field)))
    return `### ${name}\n\n${doc}\n\n${tables.join("\n")}`
  }
  return `### ${name}\n\n${doc}\n\n\`\`\`ts\n${shownCode(code)}\n\`\`\`\n`
}

const pageOf = (directory: string, manifest: Manifest): string => {
  const entries = Object.entries(manifest.exports).filter(([subpath]) => subpath !== "./package.json")
  const parts = entries.map(([subpath, source]) => {
    if (typeof source !== "string") throw new Error(`${manifest.name}: ${subpath} leads to more than one file`)
    const built = source.replace(/^\.\/src\/(.*)\.ts$/, "dist/$1.d.ts")
    const names = readPublicApi(join(directory, built))
    const contents = names.map(({ name }) => `[${name}](#${anchorOf(name)})`).join(" · ")
    return `## ${manifest.name}${subpath.slice(1)}\n\n${contents}\n\n${names.map(sectionOf).join("\n")}`
  })
  const readme = join(directory, "README.md")
  const more = existsSync(readme) ? ` [Guide](${relative(target, readme)}).` : ""
  return `# ${manifest.name}\n\n${manifest.description}.${more} Written by \`npm run docs:api\` from the doc blocks.\n\n${parts.join("\n")}`
}

const pages = new Map<string, string>()
const lines: Array<string> = []
for (const name of readdirSync(join(root, "packages")).sort()) {
  const directory = join(root, "packages", name)
  const manifestPath = join(directory, "package.json")
  if (!existsSync(manifestPath)) continue
  const manifest: Manifest = JSON.parse(readFileSync(manifestPath, "utf8"))
  if (manifest.private === true) continue
  pages.set(`${name}.md`, pageOf(directory, manifest))
  lines.push(`- [\`${manifest.name}\`](${name}.md): ${manifest.description}`)
}
pages.set("README.md", `# Reference\n\nWritten by \`npm run docs:api\` from the doc blocks.\n\n${lines.join("\n")}\n`)

if (process.argv.includes("--check")) {
  const read = (name: string): string =>
    existsSync(join(target, name)) ? readFileSync(join(target, name), "utf8") : ""
  const stale = [...pages].filter(([name, page]) => read(name) !== page).map(([name]) => `docs/api/${name}`)
  if (stale.length > 0) console.error(`${stale.join(", ")} are behind the doc blocks: npm run docs:api`)
  process.exitCode = stale.length > 0 ? 1 : 0
} else {
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  for (const [name, page] of pages) writeFileSync(join(target, name), page)
  console.log(`${pages.size} pages in docs/api`)
}
