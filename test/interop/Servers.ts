/**
 * The servers: how each is configured and started, and what it is known to do. Each closes connections that have carried
 * `usesMax` requests or been idle for `idleMillisMax`, where it can be told to, and does not say so beforehand.
 */
import { spawnSync } from "node:child_process"
import { environment } from "../support/ForeignServer.ts"

export interface Places {
  /** For configuration, logs and temporary files; `static/` in it is what the server serves. */
  readonly directory: string
  readonly port: number
  readonly backendPort: number
}

export interface ServerKind {
  readonly name: string
  readonly version: () => string
  /** Absent: `node:http`, in this process. */
  readonly start?: {
    readonly program: string
    readonly arguments_: (places: Places) => ReadonlyArray<string>
    /** By name, in the directory. */
    readonly files: (places: Places) => Readonly<Record<string, string>>
  }
  readonly httpVersion: "1.0" | "1.1"
  /** Passes requests below `/app/` on, or answers them itself. */
  readonly hasApp: boolean
  readonly hasRange: boolean
  /** What becomes of the application's trailers. `broken`: lighttpd writes them into the head with CR CR LF, which is refused. */
  readonly trailers: "passed" | "dropped" | "broken"
}

const usesMax = 7
const idleMillisMax = 30

const versionOf =
  (program: string, ...arguments_: ReadonlyArray<string>) =>
  (): string => {
    const { error, stderr, stdout } = spawnSync(program, arguments_, { encoding: "utf8", env: environment })
    if (error !== undefined)
      throw new Error(`${program} cannot be started; try: node scripts/servers.ts`, { cause: error })
    return /\d+\.\d+(?:\.\d+)*/.exec(`${stdout}${stderr}`)?.[0] ?? "unknown"
  }

const nginx: ServerKind = {
  name: "nginx",
  version: versionOf("nginx", "-v"),
  start: {
    program: "nginx",
    arguments_: ({ directory }) => ["-c", `${directory}/nginx.conf`, "-p", directory, "-e", `${directory}/error.log`],
    files: ({ backendPort, directory, port }) => ({
      "nginx.conf": `
daemon off;
master_process off;
pid ${directory}/nginx.pid;
events { worker_connections 512; }
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${directory}/${name};`).join(" ")}
  client_max_body_size 100m;
  keepalive_requests ${usesMax};
  keepalive_timeout ${idleMillisMax}ms;
  server {
    listen 127.0.0.1:${port};
    root ${directory};
    location /app/ {
      proxy_pass http://127.0.0.1:${backendPort};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`
    })
  },
  httpVersion: "1.1",
  hasApp: true,
  hasRange: true,
  trailers: "dropped"
}

const apache: ServerKind = {
  name: "Apache httpd",
  version: versionOf("apache2", "-v"),
  start: {
    program: "apache2",
    arguments_: ({ directory }) => ["-f", `${directory}/apache.conf`, "-D", "FOREGROUND"],
    files: ({ backendPort, directory, port }) => ({
      "apache.conf": `
ServerRoot ${directory}
ServerName 127.0.0.1
PidFile ${directory}/apache.pid
ErrorLog ${directory}/error.log
Mutex posixsem
Listen 127.0.0.1:${port}
${["mpm_event", "authz_core", "proxy", "proxy_http"].map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join("\n")}
User www-data
Group www-data
KeepAlive On
MaxKeepAliveRequests ${usesMax}
KeepAliveTimeout ${idleMillisMax}ms
DocumentRoot ${directory}
<Directory ${directory}>
  Require all granted
</Directory>
ProxyPass /app/ http://127.0.0.1:${backendPort}/app/ disablereuse=on
`
    })
  },
  httpVersion: "1.1",
  hasApp: true,
  hasRange: true,
  trailers: "dropped"
}

const haproxy: ServerKind = {
  name: "HAProxy",
  version: versionOf("haproxy", "-v"),
  start: {
    program: "haproxy",
    arguments_: ({ directory }) => ["-db", "-f", `${directory}/haproxy.cfg`],
    files: ({ backendPort, port }) => ({
      "haproxy.cfg": `
global
  maxconn 512
defaults
  mode http
  retries 0
  option http-server-close
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive ${idleMillisMax}ms
listen front
  bind 127.0.0.1:${port}
  server application 127.0.0.1:${backendPort}
`
    })
  },
  httpVersion: "1.1",
  hasApp: true,
  hasRange: true,
  trailers: "passed"
}

const caddy: ServerKind = {
  name: "Caddy",
  version: versionOf("caddy", "version"),
  start: {
    program: "caddy",
    arguments_: ({ directory }) => ["run", "--adapter", "caddyfile", "--config", `${directory}/Caddyfile`],
    files: ({ backendPort, directory, port }) => ({
      Caddyfile: `
{
	admin off
	auto_https off
	storage file_system ${directory}/caddy
	servers {
		timeouts {
			idle ${idleMillisMax}ms
		}
	}
}
http://127.0.0.1:${port} {
	bind 127.0.0.1
	handle /app/* {
		reverse_proxy 127.0.0.1:${backendPort} {
			transport http {
				keepalive off
			}
		}
	}
	handle {
		root * ${directory}
		file_server
	}
}
`
    })
  },
  httpVersion: "1.1",
  hasApp: true,
  hasRange: true,
  trailers: "passed"
}

const lighttpd: ServerKind = {
  name: "lighttpd",
  version: versionOf("lighttpd", "-v"),
  start: {
    program: "lighttpd",
    arguments_: ({ directory }) => ["-D", "-f", `${directory}/lighttpd.conf`],
    files: ({ backendPort, directory, port }) => ({
      "lighttpd.conf": `
server.modules = ("mod_proxy")
server.bind = "127.0.0.1"
server.port = ${port}
server.document-root = "${directory}"
server.errorlog = "${directory}/error.log"
server.upload-dirs = ("${directory}")
server.max-keep-alive-requests = ${usesMax}
server.max-keep-alive-idle = 1
mimetype.assign = (".txt" => "text/plain", "" => "application/octet-stream")
$HTTP["url"] =~ "^/app/" {
  proxy.server = ("" => (("host" => "127.0.0.1", "port" => ${backendPort})))
}
`
    })
  },
  httpVersion: "1.1",
  hasApp: true,
  hasRange: true,
  trailers: "broken"
}

const python: ServerKind = {
  name: "Python http.server",
  version: versionOf("python3", "--version"),
  start: {
    program: "python3",
    arguments_: ({ directory, port }) => [
      ...["-m", "http.server", String(port), "--bind", "127.0.0.1", "--directory", directory]
    ],
    files: () => ({})
  },
  httpVersion: "1.0",
  hasApp: false,
  hasRange: false,
  trailers: "dropped"
}

const nodeHttp: ServerKind = {
  name: "node:http",
  version: () => process.versions.node,
  httpVersion: "1.1",
  hasApp: true,
  hasRange: true,
  trailers: "passed"
}

export const nodeIdleMillisMax = idleMillisMax

export const serverKinds: ReadonlyArray<ServerKind> = [nginx, apache, haproxy, caddy, lighttpd, nodeHttp, python]
