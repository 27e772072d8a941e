/**
 * Lays out what is published of each package, from its build: `node scripts/pack.ts [directory]`, in dist/npm without
 * one. Afterwards `npm publish dist/npm/core` publishes that package.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { listTargets, publishedManifest, type SourceManifest } from "./manifest.ts"

const root = fileURLToPath(new URL("..", import.meta.url))

/** Returns the directories it laid out, one for each package. */
export function layOut(directory: string): ReadonlyArray<string> {
  rmSync(directory, { recursive: true, force: true })
  return readdirSync(join(root, "packages")).flatMap((name) => {
    const from = join(root, "packages", name)
    const manifestPath = join(from, "package.json")
    // A directory that a branch left behind holds nothing but its build.
    if (!existsSync(manifestPath)) return []
    const manifest: SourceManifest = JSON.parse(readFileSync(manifestPath, "utf8"))
    if (manifest.private === true) return []
    const to = join(directory, name)
    mkdirSync(to, { recursive: true })
    const published = publishedManifest(manifest)
    writeFileSync(join(to, "package.json"), `${JSON.stringify(published, null, 2)}\n`)
    cpSync(join(root, "LICENSE"), join(to, "LICENSE"))
    if (existsSync(join(from, "README.md"))) cpSync(join(from, "README.md"), join(to, "README.md"))
    cpSync(join(from, "src"), join(to, "src"), { recursive: true })
    cpSync(join(from, "dist"), join(to, "dist"), {
      recursive: true,
      filter: (path) => !path.endsWith(".tsbuildinfo")
    })
    const absent = listTargets(published.exports ?? {}).filter((target) => !existsSync(join(to, target)))
    if (absent.length > 0) {
      throw new Error(`${manifest.name} exports ${absent.join(", ")}, which its build lacks: is it built and current?`)
    }
    return [to]
  })
}

if (import.meta.main) {
  const directories = layOut(resolve(process.argv[2] ?? join(root, "dist", "npm")))
  console.log(directories.join("\n"))
}
