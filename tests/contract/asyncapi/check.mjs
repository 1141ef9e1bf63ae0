// Prints what AsyncAPI's own parser makes of the document named on the command line: its version, its messages, what is wrong with it.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const file = process.argv[2];
const { document, diagnostics } = await new Parser().parse(await readFile(file, "utf8"), { source: file });
const found = {
  version: document?.version() ?? null,
  messages: document?.allMessages().all().map((message) => message.name()) ?? [],
  channels: document?.allChannels().all().map((channel) => channel.address()) ?? [],
  diagnostics: diagnostics.map(({ code, message, path, severity }) => ({ code, message, path: path.join("."), severity })),
};
console.log(JSON.stringify(found));
