// The workspace is installed by the pinned pnpm; a plain `npm install` here would build a wrong node_modules.
if (!(process.env.npm_config_user_agent ?? "").includes("pnpm")) {
  console.error("This repository is installed with pnpm. Use: npm run setup");
  process.exit(1);
}
