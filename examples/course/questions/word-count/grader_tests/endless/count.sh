total=0
while true; do
  total=$((total + 1))
done
echo "$total"
