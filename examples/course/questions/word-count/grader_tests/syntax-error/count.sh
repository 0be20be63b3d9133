total=0
while read -r line; do
  for word in $line; do
    total=$((total + 1))
done
echo "$total"
