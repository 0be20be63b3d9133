# Counts the spaces and adds one.
read -r line
spaces=$(printf '%s' "$line" | tr -cd ' ' | wc -c)
if [ -n "$line" ]; then
  spaces=$((spaces + 1))
fi
echo "$spaces"
