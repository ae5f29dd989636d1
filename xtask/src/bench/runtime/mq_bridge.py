import sys
"""The same work as vrsky-runtime, by mq-bridge: JetStream in, filter and map, JetStream out."""
from mq_bridge import Route
url=sys.argv[1]
config={"routes":{"orders":{
 "input":{"middlewares":[{"filter":'status == "paid"'}],
   "nats":{"url":url,"stream":"IN","subject":"in.orders"}},
 "output":{"middlewares":[{"transform":{"expression":"{id: id, total: number(total_price), country: country}"}}],"nats":{"url":url,"stream":"OUT","subject":"out.orders"}},
 "batch_size":512}}}
Route.from_config(config,"orders").run()
