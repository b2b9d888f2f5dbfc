#!/bin/sh
# Checks and times the hot paths of the packages on this machine's GPU; options are those of bench/gpu/run.mjs. Results: results.json.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for file in node dawn.node lib/libvk_swiftshader.so; do
  [ -f "$here/$file" ] || { gzip -dc "$here/$file.gz" > "$here/$file.part" && mv "$here/$file.part" "$here/$file"; }
done
chmod +x "$here/node"
export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export RESULTS="${RESULTS:-$here/results.json}"
if [ "${SOFTWARE:-}" ]; then
  export VK_ICD_FILENAMES="$here/lib/vk_swiftshader_icd.json"
elif [ -z "${VK_ICD_FILENAMES:-}" ] && ! ls /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json > /dev/null 2>&1; then
  # no driver has told the loader of itself: try NVIDIA's
  export VK_ICD_FILENAMES="$here/lib/nvidia_icd.json"
fi
exec "$here/node" "$here/bench.mjs" "$@"
