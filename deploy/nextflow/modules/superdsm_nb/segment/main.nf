process SUPERDSM_NB_SEGMENT {
    tag "$meta.id"
    label 'process_single'

    conda "${moduleDir}/environment.yml"
    container "superdsm-nb:0.1.0"

    input:
    tuple val(meta), path(image)

    output:
    tuple val(meta), path("${prefix}.labels.tif"), emit: labels
    tuple val(meta), path("${prefix}.overlay.png"), emit: overlay
    tuple val(meta), path("${prefix}.nuclei.csv"), emit: table
    tuple val("${task.process}"), val('superdsm_nb'), eval("superdsm-nb --version | sed 's/.* //'"), topic: versions, emit: versions_superdsm_nb

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    SUPERDSM_NB_NUM_THREADS=$task.cpus superdsm-nb \\
        segment \\
        $image \\
        --out ${prefix}.labels.tif \\
        --overlay ${prefix}.overlay.png \\
        --csv ${prefix}.nuclei.csv \\
        --quiet \\
        $args
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    touch ${prefix}.labels.tif ${prefix}.overlay.png ${prefix}.nuclei.csv
    """
}
