package org.iommu4j.s390;

import java.util.Arrays;
import org.iommu4j.backend.BenchSupport;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.s390.command.Clp;
import org.iommu4j.s390.command.ErrorRecord;
import org.iommu4j.s390.command.EventCode;
import org.iommu4j.s390.command.ZpciInstruction;

/**
 * The test bench's parts of zPCI: event names, and blocks of CLP that a case gives in part.
 *
 * @param fuzz the fuzzer's parts
 */
record ZpciBenchSupport(FuzzSupport fuzz) implements BenchSupport {
    @Override
    public String faultName(int code) {
        EventCode event = EventCode.of(code);
        return event == null ? "" : event.name();
    }

    @Override
    public int eventCode(byte[] record) {
        return ErrorRecord.codeOf(record);
    }

    /** A CLP request alone gets a response header that has room for the whole answer. */
    @Override
    public byte[] completeBlock(CallFormat format, byte[] given) {
        if (format.function() != ZpciInstruction.CLP || given.length < Clp.HEADER_BYTES) {
            return given;
        }
        long first = Clp.Header.LAYOUT.word(given, 0, 0);
        boolean alone = given.length == Clp.REQUEST_BYTES || given.length == Clp.Header.LENGTH.getInt(first);
        if (!alone) {
            return given;
        }
        int answer = switch (Clp.Header.CODE.getInt(first)) {
            case Clp.LIST -> Clp.BLOCK_BYTES - Clp.REQUEST_BYTES;
            case Clp.QUERY_FUNCTION -> Clp.FunctionResponse.LAYOUT.sizeBytes();
            case Clp.QUERY_GROUP -> Clp.GroupResponse.LAYOUT.sizeBytes();
            default -> Clp.SetResponse.LAYOUT.sizeBytes();
        };
        byte[] header = Clp.Header.LAYOUT.encode(Clp.Header.of(answer, 0), 0);
        byte[] block = Arrays.copyOf(given, given.length + header.length);
        System.arraycopy(header, 0, block, given.length, header.length);
        return block;
    }
}
