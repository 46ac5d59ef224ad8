package org.iommu4j.testbench.fuzz;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import org.iommu4j.backend.Backend;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.Generation;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.BindFormat;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.RequestReader;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Terms;
import org.iommu4j.contract.Uapi;
import org.iommu4j.core.hint.ExplainHints;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.CommandFormat;
import org.iommu4j.layout.Layout;
import org.iommu4j.testbench.FuzzFailure.Kind;

/** Checks that every structure of a model and every request of the contract decodes to what was encoded. */
public final class Codecs {
    private static final int REQUESTS = 64;
    private static final int LONGEST_PAYLOAD = 64;

    private final Backend backend;
    private final ExplainHints hints;
    private final List<Layout> layouts = new ArrayList<>();

    /** Checks what that backend declares. */
    public Codecs(Backend backend) {
        this.backend = backend;
        hints = ExplainHints.of(backend);
        layouts.addAll(backend.layouts());
        backend.commands().stream().map(CommandFormat::layout).forEach(layouts::add);
        backend.bindFormats().stream().map(BindFormat::layout).forEach(layouts::add);
        for (Generation generation : backend.describe().generations()) {
            layouts.addAll(backend.payloads(generation.subVersion()));
        }
    }

    /**
     * Checks each structure and each image of a request with values from a seed.
     *
     * @throws Failed if something is not what it was
     */
    void check(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        try {
            for (Layout layout : layouts) {
                check(layout, random);
            }
            for (Generation generation : backend.describe().generations()) {
                for (Abi abi : Abi.values()) {
                    for (int i = 0; i < REQUESTS; i++) {
                        checkRequest(generation, abi, random);
                    }
                }
            }
        } catch (Failed e) {
            throw e;
        } catch (RuntimeException e) {
            throw new Failed(Kind.UNTYPED_EXCEPTION, "decoding ends in " + CaseRun.describe(e), e);
        }
    }

    /**
     * As {@link #check}, for who knows no case.
     *
     * @param failure makes what is thrown of a message and its cause
     */
    public void checkOrThrow(long seed, BiFunction<String, Throwable, RuntimeException> failure) {
        try {
            check(seed);
        } catch (Failed e) {
            throw failure.apply(e.getMessage(), e);
        }
    }

    private void check(Layout layout, SplittableRandom random) {
        byte[] bytes = new byte[layout.sizeBytes()];
        random.nextBytes(bytes);
        long[] words = layout.decode(bytes, 0);
        byte[] encoded = layout.encode(words);
        Supplier<String> hint = () -> hints.structure(layout.name(), bytes);
        expect(
                Arrays.equals(bytes, encoded),
                layout + " " + Steps.hex(bytes) + " is encoded as " + Steps.hex(encoded),
                hint);
        long[] made = new Values(random, FuzzScene.EMPTY, -1).words(layout);
        byte[] written = layout.encode(made);
        expect(
                Arrays.equals(made, layout.decode(written, 0)),
                layout + " " + Arrays.toString(made) + " is decoded otherwise",
                () -> hints.structure(layout.name(), written));
        layout.describe(words);
        for (BitField field : layout.fields()) {
            long word = words[field.word()];
            expect(
                    field.set(word, field.get(word)) == word,
                    layout + "." + field.name() + " of " + Steps.hex(word) + " is another after it was set",
                    hint);
            expect(backend.meaning(layout, field, words) != null, layout + "." + field.name() + " means null", hint);
        }
    }

    private void checkRequest(Generation generation, Abi abi, SplittableRandom random) {
        int subVersion = generation.subVersion();
        RequestWriter writer = new RequestWriter(abi, backend.describe().model(), subVersion);
        byte[] payload = new byte[random.nextInt(LONGEST_PAYLOAD)];
        random.nextBytes(payload);
        int scope = random.nextInt();
        int flags = random.nextInt();
        int pasid = random.nextInt();
        long vaddr = random.nextLong();
        long size = random.nextLong();
        byte[] request = writer.invalidate(scope, flags, pasid, vaddr, size, payload);
        boolean same = Uapi.ARGSZ.get(request, 0, abi) == request.length
                && (int) Uapi.SCOPE.get(request, 0, abi) == scope
                && (int) Uapi.FLAGS.get(request, 0, abi) == flags
                && (int) Uapi.PASID.get(request, 0, abi) == pasid
                && Uapi.VADDR.get(request, 0, abi) == vaddr
                && Uapi.SIZE.get(request, 0, abi) == size
                && Uapi.SUB_VERSION.get(request, 0, abi) == Integer.toUnsignedLong(subVersion)
                && Uapi.DATA_LENGTH.get(request, 0, abi) == payload.length;
        Supplier<String> hint =
                () -> ExplainHints.request(abi, backend.describe().model(), subVersion, request);
        expect(same, "an invalidation of image " + abi.label() + " is read otherwise: " + Steps.hex(request), hint);

        request[random.nextInt(request.length)] ^= (byte) (1 << random.nextInt(Byte.SIZE));
        Completion completion = new Completion();
        RequestReader reader = new RequestReader(new Terms(
                abi,
                backend.describe().model(),
                subVersion,
                generation.payloadLengths(),
                generation.granuleShift(),
                generation.pasidBits(),
                backend.bindFormats()));
        int readable = random.nextInt(request.length + 1);
        int operation = reader.read(Uapi.VFIO_IOMMU_OP, request, 0, readable, completion.begin());
        expect(
                operation > 0 || (completion.errno() != Errno.OK && completion.rule() != null),
                "a request is refused without a rule: " + Steps.hex(request),
                () -> ExplainHints.request(
                        abi, backend.describe().model(), subVersion, Arrays.copyOf(request, readable)));
    }

    private static void expect(boolean holds, String otherwise, Supplier<String> hint) {
        if (!holds) {
            throw new Failed(Kind.ROUND_TRIP, otherwise).explained(ExplainHints.list(hint.get()));
        }
    }
}
