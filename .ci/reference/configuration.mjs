/** The page about settings, from the one table of them. */
import { defaultOf, fileKeyOf, optionOf, settingList } from '../../dist/config.js'

const code = text => `\`${text}\``
const cell = text => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

function row([name, setting]) {
  const { family, file, secret, hint, description, variable, otherwise } = setting
  const option = optionOf(name)
  const value = defaultOf(setting)
  return [
    file === false ? '' : code(family ? `[${fileKeyOf(name)}]` : fileKeyOf(name)),
    option === undefined ? '' : code(`--${option} ${hint}`),
    code(family ? `${variable}<HARNESS>` : variable),
    value === undefined ? '' : otherwise === undefined ? code(value) : value,
    `${description}${secret ? '. Secret: shown nowhere, and no option sets it' : ''}`,
  ].map(cell).join(' | ')
}

export const configurationPage = () => `<!-- Written by npm run docs from src/config.ts. -->
# Configuration

Options of \`madrox serve\` come before environment variables, those before the configuration file, that before defaults.
\`madrox doctor\` shows what holds, and which of them said so.

The file is \`config.toml\` or \`config.json\` in the home (not both). A key it may not have is refused with the nearest there is, and so
is a value that does not fit, wherever it came from. Directories in the file are relative to it. An empty variable says nothing.

| in the file | option | variable | default | |
|---|---|---|---|---|
${settingList.map(entry => `| ${row(entry)} |`).join('\n')}

An option that takes several values is repeated; a variable has them with commas between, the file as a list. Models are set for one
harness each: \`--model claude=opus\`, \`MADROX_MODEL_CLAUDE=opus\` (\`_\` stands for \`-\`), or

\`\`\`toml
max_instances = 20

[models]
claude = "opus"
\`\`\`
`
