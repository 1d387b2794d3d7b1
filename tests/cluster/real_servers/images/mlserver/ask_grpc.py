"""Send one gRPC request for each argument, and print the status codes.

Arguments: the port, then the first feature of each request, and after a colon its deadline in seconds.
"""

import sys

import grpc
from mlserver.grpc import dataplane_pb2 as messages
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub


def request(first: float) -> messages.ModelInferRequest:
    tensor = messages.ModelInferRequest.InferInputTensor(name="amount", datatype="FP32", shape=[1, 4])
    tensor.contents.fp32_contents.extend([first, 0, 0, 0])
    return messages.ModelInferRequest(model_name="fraud", inputs=[tensor])


def main() -> None:
    port, *asked = sys.argv[1:]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = GRPCInferenceServiceStub(channel)
        for one in asked:
            first, _, deadline = one.partition(":")
            try:
                stub.ModelInfer(request(float(first)), timeout=float(deadline or 30))
                status = "OK"
            except grpc.RpcError as error:
                status = error.code().name
            sys.stdout.write(f"{status}\n")


main()
